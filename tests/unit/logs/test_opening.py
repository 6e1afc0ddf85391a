"""Logs are unpacked whole; what is torn, damaged or hostile gives what there is and says why it ended."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest
import zstandard

from weir.logs.opening import open_log

PLAIN = b"a line of a log\n" * 5_000
NOISE = os.urandom(100_000)
pack = zstandard.ZstdCompressor().compress
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"


def unpacked(path: Path, data: bytes) -> tuple[bytes, str, str]:
    path.write_bytes(data)
    with open_log(path) as log:
        return b"".join(iter(lambda: log.read(1 << 16) or b"", b"")), log.trouble, log.digest


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", b""),
        (PLAIN, PLAIN),
        (gzip.compress(PLAIN), PLAIN),
        (gzip.compress(PLAIN) + gzip.compress(NOISE), PLAIN + NOISE),
        (gzip.compress(PLAIN) + bytes(512), PLAIN),
        (pack(PLAIN), PLAIN),
        (pack(PLAIN) + pack(NOISE), PLAIN + NOISE),
        (SKIPPABLE + pack(PLAIN) + SKIPPABLE + pack(PLAIN), PLAIN * 2),
    ],
)
def test_packed_or_not_the_same_bytes_come_out(tmp_path: Path, data: bytes, expected: bytes) -> None:
    assert unpacked(tmp_path / "log", data) == (expected, "", hashlib.sha256(expected).hexdigest())


@pytest.mark.parametrize(
    ("data", "least", "trouble"),
    [
        (gzip.compress(NOISE)[:60_000], 40_000, "ends in the middle of its packed data"),
        (pack(NOISE)[:60_000], 1, "ends in the middle of its packed data"),
        (b"\x1f\x8b", 0, "ends in the middle of its packed data"),
        (gzip.compress(PLAIN) + b"not packed", len(PLAIN), "its packed data is damaged"),
        (pack(PLAIN) + b"not packed", len(PLAIN), "its packed data is damaged"),
        (b"PK\x03\x04" + PLAIN, 0, "is zip, which isn't read; unpack or export it first"),
        (b"BZh9" + PLAIN, 0, "is bzip2, which isn't read; unpack or export it first"),
    ],
)
def test_what_is_torn_gives_its_beginning_and_says_so(tmp_path: Path, data: bytes, least: int, trouble: str) -> None:
    got, why, _ = unpacked(tmp_path / "log", data)
    assert why == trouble
    assert len(got) >= least
    assert (NOISE + PLAIN).find(got[:1_000]) >= 0 or not got


def test_a_bomb_is_read_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.logs.opening._FREE", 1 << 20)
    got, why, _ = unpacked(tmp_path / "log", pack(bytes(64 << 20)))
    assert why == "unpacks to more than 500 times its size; read no further"
    assert len(got) < 8 << 20


def test_how_far_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(PLAIN)
    with open_log(tmp_path / "log") as log:
        assert (log.size, log.consumed) == (len(PLAIN), 0)
        log.read(100)
        assert 0 < log.consumed <= len(PLAIN)
