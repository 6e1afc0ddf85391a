from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile

import pytest
import zstandard

from harness import papers
from weir.dlp.files.archives import read_compressed, read_tar
from weir.dlp.files.job import FileLimits, FileTexts, Job, Stop

WORD = "alder-brook-4711-cedar"


def job(limits: FileLimits | None = None) -> Job:
    def text(job: Job, data: bytes, where: str, name: str, media_type: str) -> str:
        job.add(where, f"{name}: {data.decode('utf-8', 'replace')}")
        return ""

    return Job(limits or FileLimits(), None, text)


def unpack(data: bytes, kind: str, name: str = "", limits: FileLimits | None = None) -> FileTexts:
    one = job(limits)
    return one.result(read_compressed(one, data, "", kind, name))


PACKED = {
    "gzip": gzip.compress(WORD.encode()) + gzip.compress(b" more"),
    "bzip2": bz2.compress(WORD.encode()) + bz2.compress(b" more"),
    "xz": lzma.compress(WORD.encode()) + lzma.compress(b" more"),
    "zstd": zstandard.compress(WORD.encode()) + zstandard.compress(b" more"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_all_members_of_a_stream(kind: str) -> None:
    found = unpack(PACKED[kind], kind, "a.txt.x")
    assert [text.text for text in found.texts] == [f"a.txt: {WORD} more"] and found.complete


@pytest.mark.parametrize("kind", PACKED)
def test_a_stream_that_is_cut_is_damaged(kind: str) -> None:
    found = unpack(PACKED[kind][:-3], kind)
    assert found.failed and found.reason == "file: damaged archive"


def test_zeros_after_a_stream_are_padding() -> None:
    assert unpack(PACKED["gzip"] + bytes(100), "gzip").complete


def test_a_name_in_a_gzip_header() -> None:
    out = io.BytesIO()
    with gzip.GzipFile(WORD, "wb", fileobj=out) as stream:
        stream.write(b"x")
    assert any(WORD in text.text for text in unpack(out.getvalue(), "gzip").texts)


def test_members_of_a_tar() -> None:
    one = job()
    assert read_tar(one, papers.tar({"a.txt": b"one", "b": b"two"}), "") == "tar"
    found = one.result("tar")
    assert [text.text for text in found.texts] == ["a.txt: one", "b: two", "a.txt\nb"] and found.complete


def test_a_second_archive_after_the_end_of_the_first() -> None:
    one = job()
    read_tar(one, papers.tar({"a": b"x"}) + papers.tar({"b": WORD.encode()}), "")
    found = one.result("tar")
    assert not found.complete and any(WORD in text.text for text in found.texts)


def test_a_tar_that_claims_to_be_huge() -> None:
    out = io.BytesIO()
    info = tarfile.TarInfo("a")
    info.size = 1 << 40
    out.write(info.tobuf())
    one = job()
    with pytest.raises(Stop, match="more than the limit"):
        read_tar(one, out.getvalue() + bytes(1024), "")


def test_members_of_a_kind_nobody_knows_are_files() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a")
        info.type, info.size = b"Z", len(WORD)
        archive.addfile(info, io.BytesIO(WORD.encode()))
    one = job()
    read_tar(one, out.getvalue(), "")
    assert any(text.text == f"a: {WORD}" for text in one.result("").texts)


def test_two_archives_in_one_file_are_not_seen_whole() -> None:
    one = job()
    read_tar(one, papers.tar({"a": b"x"}) + papers.tar({"b": gzip.compress(WORD.encode())}), "")
    assert one.failed


def test_headers_of_all_members_are_read() -> None:
    def named(flags: int, *words: bytes) -> bytes:
        return b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + b"".join(words) + gzip.compress(b"hi")[10:]

    word = WORD.encode()
    for data in (
        named(0x08, b"n" * 3000 + word + b"\0"),
        gzip.compress(b"hi") + named(0x10, word + b"\0"),
        named(0x04 | 0x08, len(word).to_bytes(2, "little") + word, b"n\0"),
    ):
        assert any(WORD in text.text for text in unpack(data, "gzip").texts)


def test_frames_that_are_passed_over() -> None:
    frame = (0x184D2A50).to_bytes(4, "little") + len(WORD).to_bytes(4, "little") + WORD.encode()
    assert any(WORD in text.text for text in unpack(zstandard.compress(b"hi") + frame, "zstd").texts)
