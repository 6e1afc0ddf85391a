from __future__ import annotations

import gzip
import random
import zlib

import pytest

from weir.dlp.views.unpack import promising, unpack

SAID = "the quick brown fox, then a lazy dog"
NOISE = bytes(range(128, 256)) * 2


@pytest.mark.parametrize(
    ("data", "kinds", "read"),
    [
        (SAID.encode(), "", SAID),
        ("naïve — ４１１１ text".encode(), "", "naïve — ４１１１ text"),
        (SAID.encode("utf-16-le"), ">utf-16", SAID),
        (SAID.encode("utf-16-be"), ">utf-16", SAID),
        (gzip.compress(SAID.encode()), ">gzip", SAID),
        (zlib.compress(SAID.encode()), ">zlib", SAID),
        (zlib.compress(SAID.encode(), wbits=-15), ">deflate", SAID),
        (gzip.compress(zlib.compress(SAID.encode())), ">gzip>zlib", SAID),
        (gzip.compress(SAID.encode("utf-16-le")), ">gzip>utf-16", SAID),
        (NOISE + SAID.encode() + NOISE, "", SAID),
        (gzip.compress(SAID.encode() * 3)[:-8], ">gzip", SAID * 3),
    ],
    ids=["ascii", "utf-8", "utf-16-le", "utf-16-be", "gzip", "zlib", "deflate", "twice", "both", "stretch", "cut off"],
)
def test_texts_in_data(data: bytes, kinds: str, read: str) -> None:
    texts, over = unpack(data, 1000)
    assert [(one.kinds, one.text) for one in texts] == [(kinds, read)]
    assert not over


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"x"),
        *(zlib.compress(SAID.encode(), level) for level in range(10)),
        zlib.compress(SAID.encode(), wbits=-15),
        "пароль".encode(),
        "４１１１".encode(),
    ],
)
def test_three_bytes_tell_what_may_be_text_although_it_is_not_ascii(data: bytes) -> None:
    assert promising(data[:3], len(data))


def test_three_bytes_tell_what_is_not_worth_a_look() -> None:
    rng = random.Random(3)
    assert sum(promising(rng.randbytes(3), 100) for _ in range(4000)) < 4000 * 0.35


@pytest.mark.parametrize("data", [b"", b"\0" * 100, NOISE, random.Random(5).randbytes(400), b"short"])
def test_data_that_is_no_text(data: bytes) -> None:
    assert unpack(data, 1000) == ([], False)


def test_stretches_are_longer_where_there_is_more_data() -> None:
    assert [one.text for one in unpack(NOISE + b"12345678" + NOISE, 9)[0]] == ["12345678"]
    assert unpack(NOISE * 8 + b"12345678" + NOISE, 9)[0] == []


def test_spans_lead_to_bytes() -> None:
    (one,), _ = unpack(NOISE + b"secret-text" + NOISE, 100)
    assert one.spans.span(0, 6) == (len(NOISE), len(NOISE) + 6)
    (one,), _ = unpack("naïve secret".encode(), 100)
    assert one.spans.span(6, 12) == (7, 13)
    (one,), _ = unpack("a long secret".encode("utf-16-le"), 100)
    assert one.spans.span(7, 13) == (14, 26)
    data = gzip.compress(SAID.encode())
    (one,), _ = unpack(data, 100)
    assert one.spans.span(4, 9) == (0, len(data))


def test_what_swells_is_cut_and_said() -> None:
    texts, over = unpack(gzip.compress(b"a" * 1_000_000), 5000)
    assert over and sum(len(one.text) for one in texts) == 5000


def test_compressed_over_and_over_is_said() -> None:
    data = SAID.encode()
    for _ in range(4):
        data = gzip.compress(data)
    assert unpack(data, 1000)[1]


def test_broken_compressed_data_is_no_text() -> None:
    assert unpack(b"\x1f\x8b\x08" + NOISE, 1000) == ([], False)
    assert unpack(b"\x78\x9c" + NOISE, 1000) == ([], False)


def test_no_repr_shows_a_text() -> None:
    (one,), _ = unpack(b"canary text", 100)
    assert "canary" not in repr(one) + repr(one.spans)
