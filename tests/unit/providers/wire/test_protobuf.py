from __future__ import annotations

import base64
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.effort import within
from weir.providers.wire.protobuf import (
    DEPTH_MAX,
    INFLATED_BYTES_MAX,
    TEXT_CHARS_MAX,
    TEXTS_MAX,
    Frames,
    Inflater,
    Strings,
    from_text,
)


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes((value & 127 | 128,))
        value >>= 7
    return out + bytes((value,))


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def frame(data: bytes, flags: int = 0) -> bytes:
    return bytes((flags,)) + len(data).to_bytes(4, "big") + data


def texts(data: bytes) -> list[tuple[str, str]]:
    strings = Strings()
    strings.take(data, "")
    return strings.texts


def test_strings_at_every_depth_with_the_way_to_them() -> None:
    message = b"\x08\x05" + field(1, b"first") + field(2, field(3, "größer".encode()) + b"\x10\x01" + field(3, b"x\ty"))
    assert texts(message) == [("/1", "first"), ("/2/3", "größer"), ("/2/3", "x\ty")]


def test_fixed_numbers_are_stepped_over() -> None:
    message = b"\x09" + b"\x00" * 8 + field(2, b"after") + b"\x1d" + b"\x01" * 4
    assert texts(message) == [("/2", "after")]


@pytest.mark.parametrize("pack", [gzip.compress])
def test_compressed_fields_are_opened(pack) -> None:
    assert texts(field(4, pack(field(1, b"within")))) == [("/4/1", "within")]
    assert texts(field(4, pack(b"a plain text"))) == [("/4", "a plain text")]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xffsome words here\xff",
        b"\x0a\x7fcut off before its end\x00",
        b"\x07\x00a wrong wire type\x00",
        b"\x00\x00text",
    ],
)
def test_what_is_no_message_gives_the_runs_of_text_in_it(data: bytes) -> None:
    ((_, text),) = texts(data)
    assert text.strip() in data.decode("latin-1") and len(text) >= 4


def test_nesting_is_bounded_and_nothing_is_lost() -> None:
    data = b"\x00\xffa secret text"
    for _ in range(DEPTH_MAX * 3):
        data = field(1, data)
    assert any("a secret text" in text for _, text in texts(data))


def test_texts_beyond_the_bound_are_kept_together() -> None:
    strings = Strings()
    strings.take(b"".join(field(1, b"text%d" % n) for n in range(TEXTS_MAX + 3)), "")
    assert len(strings.texts) == TEXTS_MAX and strings.rest == [f"text{TEXTS_MAX + n}" for n in range(3)]


def test_a_bomb_is_not_opened() -> None:
    bomb = gzip.compress(b"a" * (INFLATED_BYTES_MAX + 1))
    assert Inflater()(bomb) is None
    assert Inflater()(zlib.compress(b"fine")) == b"fine"
    assert Inflater()(b"no compression") is None
    assert Inflater()(gzip.compress(b"cut")[:-4]) is None


def test_many_small_bombs_are_one() -> None:
    packed = gzip.compress(b"a" * 1_000_000)
    inflate = Inflater(3_500_000)
    assert [len(inflate(packed) or b"") for _ in range(6)] == [1_000_000] * 3 + [0] * 3
    strings = Strings(Inflater(3_500_000))
    strings.take(b"".join(field(1, packed) for _ in range(6)), "")
    assert sum(len(text) for _, text in strings.texts) < 3_100_000


def test_texts_are_bounded_and_it_is_told() -> None:
    strings = Strings()
    for _ in range(3):
        strings.text("x" * (TEXT_CHARS_MAX // 2), "/1")
    assert len(strings.texts) == 2 and strings.reason


def test_work_is_bounded() -> None:
    data = b"\xff" * 900_000
    for _ in range(DEPTH_MAX - 1):
        data = field(1, data)

    def take() -> str:
        strings = Strings()
        for _ in range(4):
            strings.take(data, "")
        return strings.reason

    assert within(3, take)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=30)), max_size=5),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_frames_do_not_depend_on_chunks(parts: list[tuple[int, bytes]], cuts: list[int]) -> None:
    data = b"".join(frame(body, flags) for flags, body in parts) + b"\x00\x00"
    framer, got = Frames(), []
    ends = sorted({cut for cut in cuts if cut < len(data)} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        got += framer.feed(data[start:end])
    assert [(one.flags, one.payload) for one in got] == parts
    assert framer.close() == b"\x00\x00" and framer.close() == b""


def test_a_frame_over_the_limit_is_left_out() -> None:
    framer = Frames(10)
    data = frame(b"x" * 50, 1) + frame(b"next")
    got = [one for at in range(0, len(data), 7) for one in framer.feed(data[at : at + 7])]
    assert [(one.payload, one.oversize) for one in got] == [(b"", True), (b"next", False)]
    assert got[0].compressed and not got[0].last


def test_web_text_may_be_several_encodings_in_a_row() -> None:
    assert from_text(base64.b64encode(b"abcd") + base64.b64encode(b"e")) == b"abcde"
    assert from_text(b"a") is None and from_text(b"??==") is None


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    texts(data)
    from_text(data)
    Frames().feed(data)


@pytest.mark.parametrize("many", [b"\x08\x01" * 500_000, field(1, b"\x0f\x00" * 8) * 110_000, field(1, b"") * 400_000])
def test_a_million_fields_take_no_longer_than_looking_at_the_bytes(many: bytes) -> None:

    def take() -> Strings:
        strings = Strings()
        strings.take(many + field(2, b"a text at the end"), "/0")
        return strings

    strings = within(3, take)
    assert strings.reason == "more fields than can be looked at"
    assert any("a text at the end" in text for _, text in strings.texts)
