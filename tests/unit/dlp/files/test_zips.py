from __future__ import annotations

import pytest

from harness import papers
from weir.dlp.files.job import FileLimits, FileTexts, Job, Stop
from weir.dlp.files.zips import read_zip

WORD = "alder-brook-4711-cedar"


def read(data: bytes, limits: FileLimits | None = None) -> FileTexts:
    def text(job: Job, data: bytes, where: str, name: str, media_type: str) -> str:
        job.add(where, data.decode("utf-8", "replace"))
        return ""

    job = Job(limits or FileLimits(), None, text)
    return job.result(read_zip(job, data, ""))


def test_members_by_number_names_as_text() -> None:
    found = read(papers.zipped({f"{WORD}.txt": "one", "b/": "", "c": "two"}))
    assert [(text.where, text.text) for text in found.texts] == [
        ("names", f"{WORD}.txt\nb/\nc"), ("part/0/", "one"), ("part/2/", "two")
    ]  # fmt: skip
    assert not any(WORD in text.where for text in found.texts)


def test_a_member_that_no_directory_lists() -> None:
    shown, hidden = papers.zipped({"a": "x"}), papers.zipped({"hidden.txt": WORD * 5})
    end = hidden.index(b"PK\x01\x02")
    found = read(hidden[:end] + shown)
    assert found.reason == "file: data between the members of an archive" and not found.failed
    assert any("hidden.txt" in text.text for text in found.texts)


@pytest.mark.parametrize("offset", [10, 20, 40])
def test_damage_is_said(offset: int) -> None:
    data = bytearray(papers.zipped({"a.txt": WORD * 100}))
    data[offset] ^= 0xFF
    try:
        found = read(bytes(data))
    except Stop as stop:
        assert "damaged" in str(stop)
    else:
        assert found.complete or found.failed


def test_a_packing_nobody_knows() -> None:
    data = bytearray(papers.zipped({"a.txt": WORD}))
    data[data.index(b"PK\x01\x02") + 10] = 77
    assert read(bytes(data)).reason == "file: a packing that is not known"


def test_sizes_that_lie() -> None:
    data = bytearray(papers.zipped({"a.txt": "x" * 100}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(Stop, match="more than the limit"):
        read(bytes(data))
