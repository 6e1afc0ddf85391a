"""Decoding in pieces equals decoding whole; bombs and lies are errors."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from harness.bombs import gzip_bomb
from weir.edge.wire.coding import CodingError, Decoder, acceptable, decode

TEXT = b"the quick brown fox " * 500 + os.urandom(500)
ENCODED = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
    "identity": TEXT,
    "": TEXT,
}


@pytest.mark.parametrize("encoding", list(ENCODED))
@pytest.mark.parametrize("piece", [1, 7, 1000, 10**6])
def test_any_chunking_gives_the_same_text(encoding: str, piece: int) -> None:
    decoder = Decoder(encoding, 10**6)
    body = ENCODED[encoding]
    assert b"".join(decoder.feed(body[i : i + piece]) for i in range(0, len(body), piece)) == TEXT


def test_raw_deflate_and_gzip_members() -> None:
    machine = zlib.compressobj(wbits=-15)
    assert decode(machine.compress(TEXT) + machine.flush(), "deflate", 10**6) == TEXT
    assert Decoder("gzip", 100).feed(gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


def test_codings_are_undone_last_first() -> None:
    assert decode(brotli.compress(gzip.compress(TEXT)), "gzip, br", 10**6) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_garbage_is_an_error_that_quotes_nothing(encoding: str) -> None:
    with pytest.raises(CodingError) as caught:
        decode(b"\xff\xfecanary-in-the-body" * 50, encoding, 10**6)
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip_bomb),
        ("br", lambda mb: brotli.compress(bytes(mb << 20), quality=5)),
        ("zstd", lambda mb: zstandard.compress(bytes(mb << 20))),
    ],
)
def test_bombs_stop_at_the_limit(encoding: str, packed: Callable[[int], bytes]) -> None:
    bomb = packed(64)
    decoder = Decoder(encoding, 1 << 20)
    with pytest.raises(CodingError):
        decoder.feed(bomb)
    assert decoder.made < 16 << 20


def test_a_bomb_below_the_limit_stops_at_the_ratio() -> None:
    with pytest.raises(CodingError, match="beyond reason"):
        decode(gzip_bomb(64), "gzip", 1 << 30)


def test_unknown_codings() -> None:
    with pytest.raises(CodingError, match="not supported"):
        Decoder("compress", 10)
    with pytest.raises(CodingError, match="too many"):
        decode(b"", "gzip,gzip,gzip,gzip", 10)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate, br, zstd"),
        ("gzip;q=1.0, dcb, br", "gzip;q=1.0, br"),
        ("dcb", "identity"),
        ("", ""),
    ],
)
def test_only_readable_codings_are_asked_for(given: str, wanted: str) -> None:
    assert acceptable(given) == wanted


def test_no_frame_is_skipped() -> None:
    def skippable(size: int) -> bytes:
        return b"\x50\x2a\x4d\x18" + size.to_bytes(4, "little") + b"\0" * size

    frame = zstandard.compress(TEXT)
    for before in (b"", skippable(0), skippable(300), zstandard.compress(b""), zstandard.compress(b"") * 300):
        assert Decoder("zstd", 10**6).feed(before + frame) == TEXT
        decoder = Decoder("zstd", 10**6)
        assert b"".join(decoder.feed(bytes([b])) for b in before + frame) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("change", ["cut", "junk"])
def test_a_request_must_be_whole_and_nothing_else(encoding: str, change: str) -> None:
    body = ENCODED[encoding][:-3] if change == "cut" else ENCODED[encoding] + b"more"
    with pytest.raises(CodingError):
        decode(body, encoding, 10**6)


def test_a_request_has_no_place_beside_its_body() -> None:
    named = io.BytesIO()
    with gzip.GzipFile("secret-in-the-name", "wb", fileobj=named) as file:
        file.write(TEXT)
    skipped = b"\x50\x2a\x4d\x18\x02\0\0\0hi"
    for body, encoding in (
        (named.getvalue(), "gzip"),
        (gzip.compress(b"") + gzip.compress(TEXT), "gzip"),
        (skipped + zstandard.compress(TEXT), "zstd"),
        (zstandard.compress(TEXT) + skipped, "zstd"),
    ):
        with pytest.raises(CodingError) as caught:
            decode(body, encoding, 10**6)
        assert "secret" not in str(caught.value)
