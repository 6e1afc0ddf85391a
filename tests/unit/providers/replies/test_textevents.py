"""Events whose data is plain text: as it stands, with line ends in it, and changed."""

from __future__ import annotations

import json

import pytest

from golden.swap import VALUE, WORD, Swap
from weir.model import Inspection
from weir.providers.replies.notes import NO_STEP, Notes, Place, Step
from weir.providers.replies.textevents import TEXT, TextEventReader
from weir.providers.wire.values import JsonObject, get_text


class Output:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if name == "output":
            return Step((Place(f"/{TEXT}", "output", get_text(doc, TEXT)),))
        return Step(ends=("",)) if name == "done" else NO_STEP

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.keep(get_text(doc, "output"))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return {TEXT: text}


def through(data: bytes, text: Swap | None, size: int = 1 << 20) -> tuple[bytes, TextEventReader]:
    reader = TextEventReader(Output(), "text/event-stream", True, text, names=frozenset({"output"}))
    out = b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size)) + reader.close()
    return out, reader


def said(stream: bytes) -> str:
    """What a client makes of the stream's texts."""
    texts = []
    for event in stream.decode().replace("\r\n", "\n").split("\n\n"):
        lines = event.removeprefix("\ufeff").split("\n")
        if "event: output" in lines:
            texts.append("\n".join(line[5:].removeprefix(" ") for line in lines if line.startswith("data:")))
    return "".join(texts)


STREAM = b"event: output\nid: 1\ndata: a\ndata: \ndata:  b\n\nevent: output\r\ndata:c\r\n\r\nevent: done\ndata: {}\n\n"


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_what_does_not_change_passes_byte_by_byte(size: int) -> None:
    for text in (None, Swap({WORD: VALUE})):
        out, reader = through(STREAM, text, size)
        assert out == STREAM and reader.reply().text == "a\n\n bc" == said(STREAM)


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_a_word_over_events_is_put_back(size: int) -> None:
    data = b"event: output\ndata: to <EMAIL\nid: 7\n\nevent: output\ndata: _ADDRESS_1>\ndata: \n\nevent: done\n\n"
    out, reader = through(data, Swap({WORD: VALUE}), size)
    assert said(out) == f"to {VALUE}\n" and b"id: 7" in out and reader.reply().text == f"to {WORD}\n"


def test_a_value_with_line_ends_becomes_lines() -> None:
    out, _ = through(b"event: output\ndata: <A>!\n\n", Swap({"<A>": "x\r\ny\nz"}))
    assert said(out) == "x\ny\nz!" and out.count(b"data: ") == 3


def test_what_is_held_back_at_the_end_goes_out() -> None:
    out, _ = through(b"event: output\ndata: so <EM\n\n", Swap({WORD: VALUE}))
    assert said(out) == "so <EM"


def test_a_mark_before_the_first_event_stays() -> None:
    out, _ = through(f"\ufeffevent: output\ndata: {WORD}\n\n".encode(), Swap({WORD: VALUE}))
    assert out == f"\ufeffevent: output\ndata: {VALUE}\n\n".encode()


def test_bytes_that_are_no_text_pass_and_are_marked() -> None:
    data = b"event: output\ndata: \xff\n\n"
    out, reader = through(data, Swap({WORD: VALUE}))
    assert out == data and reader.reply().inspection is Inspection.PARTIAL


def test_documents_are_read_as_any() -> None:
    reader = TextEventReader(Output(), "application/json", False, Swap({WORD: VALUE}), names=frozenset({"output"}))
    out = reader.feed(json.dumps({"output": WORD}).encode()) + reader.close()
    assert json.loads(out) == {"output": VALUE}
