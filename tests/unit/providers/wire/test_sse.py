from __future__ import annotations

import pytest

from weir.providers.wire.sse import Frame, Framer, event_bytes, with_data, with_others


def frames(data: bytes, limit: int = 1000) -> list[Frame]:
    framer = Framer(limit)
    return [*framer.feed(data), *framer.close()]


@pytest.mark.parametrize("eol", [b"\n", b"\r\n", b"\r"])
def test_line_ends(eol: bytes) -> None:
    data = b"event: e%bdata: a%bdata:b%b%bdata: c%b%b".replace(b"%b", eol)
    found = frames(data)
    assert [(f.event, f.data) for f in found] == [("e", b"a\nb"), ("", b"c")]
    assert b"".join(f.raw for f in found) == data


def test_fields() -> None:
    found = frames(b"\xef\xbb\xbf: comment\nid: 7\nevent: x\ndata:  two spaces\ndata\nretry: 5\n\n: only\n\n\n")
    assert (found[0].event, found[0].data) == ("x", b" two spaces\n")
    assert [f.data for f in found[1:]] == [None, None]


def test_an_event_goes_as_soon_as_it_is_whole() -> None:
    framer = Framer()
    assert framer.feed(b"data: a\n") == []
    assert [f.data for f in framer.feed(b"\ndata: b")] == [b"a"]
    assert framer.feed(b"\r\n\r") == []  # the CR may be half of a CR LF
    assert [f.raw for f in framer.feed(b"\n")] == [b"data: b\r\n\r\n"]


def test_an_unfinished_event_is_given_at_the_end() -> None:
    assert [f.data for f in frames(b"data: a\n\ndata: b")] == [b"a", b"b"]


def test_memory_is_bounded() -> None:
    framer = Framer(50)
    out = b""
    data = b"data: " + b"x" * 500 + b"\n\ndata: next\n\n"
    for at in range(0, len(data), 7):
        for frame in framer.feed(data[at : at + 7]):
            out += frame.raw
            assert frame.oversize == (frame.data is None)
        assert len(framer._buffer) <= 57
    assert out == data
    assert [f.oversize for f in frames(data, 50)] == [True, False]


def test_with_data_keeps_everything_else() -> None:
    raw = b": c\r\nevent: e\r\ndata: old\r\nid: 3\r\n\r\n"
    assert with_data(frames(raw)[0], b"new") == b": c\r\nevent: e\r\ndata: new\r\nid: 3\r\n\r\n"
    raw = b"data:{\ndata:}\n\n"
    assert with_data(frames(raw)[0], b"[\n1\n]") == b"data:[\ndata:1\ndata:]\n\n"
    assert with_data(frames(b"data: cut")[0], b"new") == b"data: new"


def test_event_bytes() -> None:
    assert event_bytes(b"{}") == b"data: {}\n\n"
    assert frames(event_bytes(b"{}", "error"))[0].event == "error"


def test_other_lines() -> None:
    raw = b": low\r\nevent: low\ndata: low\rid:low\n\n"
    assert with_others(raw, lambda line: line.replace(b"low", b"LOW")) == b": LOW\r\nevent: LOW\ndata: low\rid:LOW\n\n"
    assert with_others(raw, lambda line: line) is raw
