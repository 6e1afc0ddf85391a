from __future__ import annotations

import struct
import zlib

import pytest

from harness import papers
from weir.dlp.files.job import FileLimits, Job, Stop
from weir.dlp.files.pictures import packed_words

WORD = "alder-brook-4711-cedar"


def job(limits: FileLimits | None = None) -> Job:
    return Job(limits or FileLimits(), None, lambda *_: "")


def png(name: bytes, body: bytes) -> bytes:
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return papers.PNG[:33] + chunk + papers.PNG[33:]


@pytest.mark.parametrize(
    ("name", "head"),
    [(b"zTXt", b"Comment\0\0"), (b"iTXt", b"Comment\0\1\0en\0Bemerkung\0")],
    ids=["zTXt", "iTXt"],
)
@pytest.mark.parametrize("level", [1, 9])
@pytest.mark.parametrize("window", [9, 15])
def test_words_packed_in_a_picture(name: bytes, head: bytes, level: int, window: int) -> None:
    machine = zlib.compressobj(level, wbits=window)
    assert packed_words(job(), png(name, head + machine.compress(WORD.encode()) + machine.flush())) == WORD


def test_nothing_packed() -> None:
    assert packed_words(job(), papers.PNG) == "" == packed_words(job(), b"GIF89a" + WORD.encode())
    assert packed_words(job(), png(b"zTXt", b"no end of the keyword")) == ""
    assert packed_words(job(), png(b"iTXt", b"Comment\0\0\0\0\0" + WORD.encode())) == ""  # in the open


def test_a_bomb_of_words() -> None:
    bomb = png(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(8 << 20)))
    one = job()
    packed_words(one, bomb)
    assert one.failed and one.made == 1 << 20
    with pytest.raises(Stop, match="more than the limit"):
        packed_words(job(FileLimits(bytes_max=1000)), bomb)
