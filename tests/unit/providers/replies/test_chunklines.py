from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.dlp.replies.listen import Listener
from weir.model import Inspection
from weir.providers.replies.chunklines import ChunkLinesReader


def answer(*texts: str) -> str:
    return json.dumps(
        [["wrb.fr", None, json.dumps([None, ["c"], None, None, [[f"rc_{n}", [t]] for n, t in enumerate(texts)]])]]
    )


def stream(*lines: str) -> bytes:
    return (")]}'\n\n" + "".join(f"{len(line) + 1}\n{line}\n" for line in lines)).encode()


def read(data: bytes, size: int = 1 << 20, text: Any = None) -> Any:
    reader = ChunkLinesReader(text)
    assert b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size)) + reader.close() == data
    return reader.reply()


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_every_line_repeats_what_was_said(size: int) -> None:
    reply = read(stream(answer("Ra"), answer("Rain", "other"), answer("Rain in", "other"), '[["e",4]]'), size)
    assert (reply.text, reply.complete, reply.inspection) == ("Rain in", True, Inspection.INSPECTED)


def test_whoever_watches_gets_what_is_new_as_one_text() -> None:
    listener = Listener()
    read(stream(answer("Hello "), answer("Hello you")), text=listener)
    listener.end()
    assert [w.text for w in listener.windows()].count("Hello you") >= 1


def test_a_line_that_is_no_json_is_a_text_and_marked() -> None:
    assert read(b"<html>\n").inspection is Inspection.PARTIAL


def test_a_line_over_the_limit_is_marked_and_the_next_is_read() -> None:
    data = b'["' + b"x" * (5 << 20) + b'"]\n' + stream(answer("after"))
    reply = read(data, 1 << 20)
    assert (reply.text, reply.reason) == ("after", "event over the limit")


@given(st.binary(max_size=200), st.integers(1, 60))
def test_any_bytes_pass(data: bytes, size: int) -> None:
    assert read(data, size) == read(data)
