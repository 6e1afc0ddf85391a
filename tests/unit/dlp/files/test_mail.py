from __future__ import annotations

from harness import papers
from weir.dlp.files.job import FileLimits, FileTexts, Job
from weir.dlp.files.mail import read_mail

WORD = "alder-brook-4711-cedar"


def read(data: bytes) -> FileTexts:
    def text(job: Job, data: bytes, where: str, name: str, media_type: str) -> str:
        job.add(where, f"{name}|{media_type}|{data.decode('utf-8', 'replace')}")
        return ""

    job = Job(FileLimits(), None, text)
    return job.result(read_mail(job, data, ""))


def test_headers_body_and_attachment() -> None:
    found = {
        text.where: text.text for text in read(papers.eml(WORD, subject="=?utf-8?q?r=C3=ADo?=", attached=b"x")).texts
    }
    assert "Subject: r\u00edo" in found["headers/0"]
    assert found["part/1/"] == f"|text/plain; charset=utf-8|{WORD}\n"
    assert found["part/2/"].startswith("attached.bin|application/octet-stream|x")


def test_a_mailbox() -> None:
    one = b"From a@b Sat Jan 3\nSubject: one\n\nfirst\n\n"
    found = read(one + one.replace(b"one", b"two").replace(b"first", WORD.encode()))
    assert [text.where for text in found.texts] == [
        "message/0/headers/0", "message/0/part/0/", "message/1/headers/0", "message/1/part/0/"
    ]  # fmt: skip
    assert WORD in found.texts[-1].text


def test_what_stands_around_the_parts() -> None:
    data = (
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\nbefore the parts\n--x\n\nbody\n--x--\n'
        + WORD.encode()
    )
    texts = "\n".join(text.text for text in read(data).texts)
    assert "before the parts" in texts and WORD in texts


def test_a_body_that_is_no_base64_is_read_as_it_stands() -> None:
    data = f"Subject: x\nContent-Transfer-Encoding: base64\n\n{WORD}!\n".encode()
    assert any(WORD in text.text for text in read(data).texts)


def test_odd_headers() -> None:
    data = b"Subject: =?nothing?q?=41?=\nContent-Type: text/plain; charset=\xff; name*=broken''%ff\n\n" + WORD.encode()
    assert any(WORD in text.text for text in read(data).texts)
