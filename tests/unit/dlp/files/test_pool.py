"""Files of every kind, read as the chain reads them."""

from __future__ import annotations

import base64
import bz2
import gzip
import itertools
import json
import lzma
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from harness import papers
from weir.dlp.core.patterns import Deadline
from weir.dlp.files import FileLimits, FileTexts, read_file
from weir.dlp.files import pool as pool_module
from weir.dlp.files.pool import Pool

WORD = "alder-brook-4711-cedar"  # planted, and to be found whole


def said(found: FileTexts) -> str:
    return "\n".join(text.text for text in found.texts)


SEEN = [
    ("text", WORD.encode(), "text"),
    ("latin-1", f"f\xfcr {WORD}".encode("latin-1"), "text"),
    ("utf-16 with a mark", WORD.encode("utf-16"), "text"),
    ("utf-16 without", WORD.encode("utf-16-le"), "text"),
    ("utf-16 the other way", WORD.encode("utf-16-be"), "text"),
    ("utf-32", WORD.encode("utf-32-le"), "text"),
    ("json", json.dumps({"a": f"\u00e4\n{WORD}"}).encode(), "json"),
    ("json with escapes", b'{"a": "' + b"".join(b"\\u%04x" % ord(c) for c in WORD) + b'"}', "json"),
    ("jsonl", papers.jsonl(f'"{WORD}"'), "json"),
    ("csv", f"name,token\nx,{WORD}\n".encode(), "text"),
    ("html", f"<html><p>{WORD[:5]}<b>{WORD[5:]}</b></p></html>".encode(), "markup"),
    ("html attribute", f"<p title='{WORD}'>x</p>".encode(), "markup"),
    ("html comment", f"<p>x</p><!-- {WORD} -->".encode(), "markup"),
    ("xml cdata", f"<?xml version='1.0'?><a><![CDATA[{WORD}]]></a>".encode(), "markup"),
    ("xml in utf-16", f"<?xml version='1.0' encoding='utf-16'?><a>{WORD}</a>".encode("utf-16"), "markup"),
    ("entities of html", f"<p>{'&#45;'.join(WORD.split('-'))}</p>".encode(), "markup"),
    ("rtf", (r"{\rtf1\ansi " + WORD[:5] + r"{\b " + WORD[5:] + r"}\par}").encode(), "rtf"),
    ("rtf escapes", (r"{\rtf1 " + "".join(rf"\'{ord(c):02x}" for c in WORD) + "}").encode(), "rtf"),
    ("pdf", papers.pdf(WORD), "pdf"),
    ("pdf note", papers.pdf("x", note=WORD), "pdf"),
    ("pdf field", papers.pdf("x", field=WORD), "pdf"),
    ("pdf title", papers.pdf("x", title=WORD), "pdf"),
    ("docx", papers.docx(WORD), "docx"),
    ("docx comment", papers.docx("x", note=WORD), "docx"),
    ("xlsx", papers.xlsx(WORD), "xlsx"),
    ("xlsx hidden sheet", papers.xlsx("x", hidden=WORD), "xlsx"),
    ("xlsx comment", papers.xlsx("x", comment=WORD), "xlsx"),
    ("pptx", papers.pptx(WORD), "pptx"),
    ("pptx note", papers.pptx("x", note=WORD), "pptx"),
    ("odt", papers.odt(WORD), "odf"),
    ("eml", papers.eml(WORD), "mail"),
    ("eml subject", papers.eml("x", subject=f"=?utf-8?b?{base64.b64encode(WORD.encode()).decode()}?="), "mail"),
    ("eml attachment", papers.eml("x", attached=papers.pdf(WORD)), "mail"),
    ("zip", papers.zipped({"a.txt": WORD}), "zip"),
    ("zip name", papers.zipped({f"{WORD}.txt": "x"}), "zip"),
    ("zip comment", papers.zipped({"a.txt": "x"}, comment=WORD), "zip"),
    ("zip in zip in zip", papers.zipped({"a": papers.zipped({"b": papers.zipped({"c": WORD})})}), "zip"),
    ("docx in zip", papers.zipped({"a.docx": papers.docx(WORD)}), "zip"),
    ("pdf in zip", papers.zipped({"a.pdf": papers.pdf(WORD)}), "zip"),
    ("tar", papers.tar({"a.txt": WORD.encode()}), "tar"),
    ("tar name", papers.tar({WORD: b"x"}), "tar"),
    ("tar.gz", gzip.compress(papers.tar({"a.txt": WORD.encode()})), "gzip"),
    ("gzip twice over", gzip.compress(b"x") + gzip.compress(WORD.encode()), "gzip"),
    ("bzip2", bz2.compress(WORD.encode()), "bzip2"),
    ("xz", lzma.compress(WORD.encode()), "xz"),
    ("zstd", zstandard.compress(WORD.encode()), "zstd"),
    ("pdf in a line of json", papers.jsonl("data:;base64," + base64.b64encode(papers.pdf(WORD)).decode()), "json"),
]


@pytest.mark.parametrize(("data", "kind"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_what_is_in_a_file_is_found(data: bytes, kind: str) -> None:
    found = read_file(data)
    assert WORD in said(found)
    assert (found.kind, found.complete, found.reason, found.failed) == (kind, True, "", False)


@pytest.mark.parametrize(("data", "kind"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_names_and_types_do_not_mislead(data: bytes, kind: str) -> None:
    found = read_file(data, name="holiday.png", media_type="image/png")
    assert WORD in said(found) and found.kind == kind


PARTLY = [
    ("image", papers.PNG, "image", False),
    ("image and words", papers.PNG + WORD.encode(), "image", False),
    ("audio", b"OggS\x00" + bytes(50), "audio", False),
    ("video", b"\x00\x00\x00\x18ftypisom" + bytes(50), "video", False),
    ("program", b"\x7fELF" + bytes(50), "executable", False),
    ("unknown", bytes(range(256)) * 4, "file", False),
    ("old office", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50), "file: old or encrypted office format", False),
    ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(50), "file: archive of a kind that is not read", False),
    ("locked zip", papers.locked_zip(WORD), "encrypted file", False),
    ("locked pdf", papers.locked_pdf(), "encrypted file", False),
    ("picture in docx", papers.docx(WORD, picture=True), "image", False),
    ("picture in pdf", papers.pdf(WORD, picture=True), "image", False),
    ("scanned page", papers.pdf("", picture=True), "image", False),
    ("rtf with an object", rb"{\rtf1 {\pict 89504e47}}", "file: objects in a text document", False),
    ("image in a line of json", papers.jsonl("data:image/png;base64," + base64.b64encode(papers.PNG * 2).decode()),
     "image", False),
    ("words before a zip", b"x" * 100 + papers.zipped({"a": WORD}),
     "file; file: data between the members of an archive", False),
    ("broken pdf", b"%PDF-1.7\n nothing", "file: damaged PDF", True),
    ("broken zip", b"PK\x03\x04" + bytes(50), "file: damaged archive", True),
    ("broken gzip", gzip.compress(b"x" * 1000)[:-20], "file: damaged archive", True),
    ("broken tar", papers.tar({"a": b"x" * 2000})[:1000], "file: damaged archive", True),
    ("entities", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "file: XML that defines entities",
     True),
]  # fmt: skip


@pytest.mark.parametrize(("data", "reason", "failed"), [row[1:] for row in PARTLY], ids=[row[0] for row in PARTLY])
def test_what_is_not_seen_is_said(data: bytes, reason: str, failed: bool) -> None:
    found = read_file(data)
    assert (found.complete, found.reason, found.failed) == (False, reason, failed)


def test_what_can_be_read_in_an_image_is() -> None:
    assert WORD in said(read_file(papers.PNG + WORD.encode())) and WORD in said(
        read_file(papers.PNG + WORD.encode("utf-16-le"))
    )


def nested(depth: int) -> bytes:
    data = WORD.encode()
    for _ in range(depth):
        data = papers.zipped({"inner": data})
    return data


def laughs() -> bytes:
    lines = ['<!ENTITY l0 "ha">'] + [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    return f"<?xml version='1.0'?><!DOCTYPE a [{''.join(lines)}]><a>&l9;</a>".encode()


@pytest.mark.parametrize(
    ("data", "limits", "reason"),
    [
        (papers.zip_bomb, FileLimits(), "file: unpacks to more than the limit"),
        (gzip.compress(bytes(1 << 20)), FileLimits(bytes_max=1 << 19), "file: unpacks to more than the limit"),
        (bz2.compress(bytes(1 << 20)), FileLimits(bytes_max=1 << 19), "file: unpacks to more than the limit"),
        (lzma.compress(bytes(1 << 20)), FileLimits(bytes_max=1 << 19), "file: unpacks to more than the limit"),
        (zstandard.compress(bytes(1 << 20)), FileLimits(bytes_max=1 << 19), "file: unpacks to more than the limit"),
        (nested(5), FileLimits(), "file: archives nested too deep"),
        (nested(2), FileLimits(depth_max=0), "file: archives nested too deep"),
        (papers.zipped({str(n): "x" for n in range(30)}), FileLimits(members_max=20),
         "file: more members than the limit"),
        (papers.zipped({"word/document.xml": laughs(), "[Content_Types].xml": ""}), FileLimits(),
         "file: XML that defines entities"),
        (laughs(), FileLimits(), "file: XML that defines entities"),
    ],
    ids=["zip", "gzip", "bzip2", "xz", "zstd", "deep", "no depth", "members", "laughs in docx", "laughs"],
)  # fmt: skip
def test_bombs_end_at_a_bound(data: bytes | Callable[[], bytes], limits: FileLimits, reason: str) -> None:
    data = data() if callable(data) else data  # a second of work: not at every worker's begin
    begun = time.thread_time()
    found = read_file(data, limits=limits)
    assert (found.complete, found.failed, found.reason) == (False, True, reason)
    assert found.bytes_made <= limits.bytes_max + (1 << 20)
    assert time.thread_time() - begun < 10


def test_as_deep_as_allowed() -> None:
    assert WORD in said(read_file(nested(4))) and WORD in said(read_file(nested(1), limits=FileLimits(depth_max=0)))


def test_the_time_is_kept() -> None:
    slow = papers.zipped({str(n): os.urandom(1000) * 1000 for n in range(60)})
    begun = time.thread_time()
    found = read_file(slow, deadline=Deadline(0.1))
    assert (found.failed, found.reason) == (True, "file: out of time")
    assert time.thread_time() - begun < 3
    assert read_file(papers.pdf("x"), deadline=Deadline(0)).reason == "file: out of time"
    assert read_file(b"text", deadline=Deadline(0)).reason == "file: out of time"


def test_a_reader_that_dies_or_hangs_is_replaced() -> None:
    pool = Pool(1)
    try:
        assert pool.read(papers.pdf(WORD), "", "", FileLimits(), None).complete
        child = pool._idle[0].process
        os.kill(child.pid, signal.SIGSTOP)
        crash = threading.Timer(0.2, os.kill, (child.pid, signal.SIGKILL))
        crash.start()
        assert pool.read(papers.pdf(WORD), "", "", FileLimits(), None).reason == "file: its reader crashed"
        assert pool.read(papers.pdf(WORD), "", "", FileLimits(), None).complete
        os.kill(pool._idle[0].process.pid, signal.SIGSTOP)
        found = pool.read(papers.pdf(WORD), "", "", FileLimits(), Deadline(0.3))
        assert (found.reason, found.failed) == ("file: out of time", True)
        assert WORD in said(pool.read(papers.pdf(WORD), "", "", FileLimits(), None))
    finally:
        pool.close()


def test_a_reader_that_ended_between_two_files_is_no_fault_of_the_next() -> None:
    pool = Pool(1)
    for _ in range(2):
        assert WORD in said(pool.read(papers.pdf(WORD), "", "", FileLimits(), None))
        (child,) = pool._idle
        os.kill(child.process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)
    pool.close()


def test_a_file_without_time_costs_no_reader() -> None:
    pool = Pool(1)
    try:
        for _ in range(3):
            assert pool.read(papers.pdf(WORD), "", "", FileLimits(), None).complete
            assert pool.read(papers.pdf(WORD), "", "", FileLimits(), Deadline(0)).reason == "file: out of time"
            late = Deadline(1, itertools.chain([0.0, 0.5], itertools.repeat(2.0)).__next__)  # over when one is got
            assert pool.read(papers.pdf(WORD), "", "", FileLimits(), late).reason == "file: out of time"
        assert len(pool._idle) == len(pool._all) == 1
    finally:
        pool.close()


def test_callers_wait_for_a_free_reader_no_longer_than_their_time() -> None:
    pool = Pool(1)
    try:
        assert pool.read(papers.pdf("x"), "", "", FileLimits(), None).complete
        child = pool._acquire(Deadline(1))
        assert pool.read(papers.pdf("x"), "", "", FileLimits(), Deadline(0.05)).reason == "file: out of time"
        found: list[FileTexts] = []
        waits = threading.Thread(target=lambda: found.append(pool.read(papers.pdf(WORD), "", "", FileLimits(), None)))
        waits.start()
        pool._release(child, sound=True)
        waits.join(10)
        assert WORD in said(found[0])
    finally:
        pool.close()


def test_no_process_to_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module.sys, "executable", "/nowhere/python")
    found = Pool(1).read(papers.pdf("x"), "", "", FileLimits(), None)
    assert (found.failed, found.reason) == (True, "file: no process to read it")


def test_a_readers_environment_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_SECRET_FOR_TEST", "x")
    pool = Pool(1)
    try:
        assert pool.read(papers.pdf("x"), "", "", FileLimits(), None).complete
        environment = Path(f"/proc/{pool._idle[0].process.pid}/environ")
        assert b"WEIR_SECRET_FOR_TEST" not in environment.read_bytes()
    finally:
        pool.close()


def test_nothing_of_a_file_is_in_a_representation() -> None:
    found = read_file(WORD.encode())
    assert WORD not in repr(found)


@pytest.mark.parametrize("data", [b"", b" ", b"\0", b"\xff\xfe", b"PK\x05\x06" + bytes(18)])
def test_next_to_nothing(data: bytes) -> None:
    assert read_file(data).texts == ()
