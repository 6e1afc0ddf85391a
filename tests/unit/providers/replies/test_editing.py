"""Texts of a reply through a map: where they go back, what stops a reply, how it is ended inside its framing."""

from __future__ import annotations

import json

import pytest

from weir.model import Endpoint, Exchange, Inspection
from weir.ports import ECHO, WHOLE
from weir.providers.replies.editing import Editor
from weir.providers.replies.notes import Notes, Place, Step
from weir.providers.replies.reading import EventReader
from weir.providers.services.registry import Registry

DIALECTS = Registry.load()


class Watching:
    """Puts capitals in the place of ``low`` and stops at ``stop``."""

    acts = True

    def __init__(self, *, edits: bool = True) -> None:
        self.edits = edits
        self.stopped = False
        self.reasons: list[str] = []
        self.channels: list[str] = []

    def feed(self, channel: str, text: str) -> str:
        self.channels.append(channel)
        self.stopped = self.stopped or "stop" in text
        return text.replace("low", "LOW") if self.edits else text

    def flush(self, channel: str) -> str:
        return ""

    def unread(self, reason: str) -> None:
        self.reasons.append(reason)


def reader(dialect: str, kind: str, watch: Watching, *, stream: bool = True) -> EventReader:
    exchange = Exchange(Endpoint("", dialect, ""), "m", stream)
    found = DIALECTS.dialect(dialect).reader(exchange, kind, watch)
    assert isinstance(found, EventReader)
    return found


def chat(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


def test_all_before_the_event_that_stops_goes_and_nothing_after() -> None:
    for size in (1, 7, 1000):
        watch = Watching()
        one = reader("openai_chat", "text/event-stream", watch)
        data = chat("low") + chat("stop") + chat("more")
        out = b"".join(one.feed(data[at : at + size]) for at in range(0, len(data), size)) + one.close()
        assert out == chat("LOW") and watch.stopped
        assert one.ending(b"EVENT", b"DOCUMENT") == b"EVENT"


@pytest.mark.parametrize(
    ("before", "wanted"),
    [(b'[{"candidates":[]},', b",\nDOCUMENT]"), (b"[", b"DOCUMENT]"), (b"", b"")],
)
def test_the_end_of_an_array(before: bytes, wanted: bytes) -> None:
    one = reader("gemini_generate", "application/json", Watching())
    one.feed(before)
    assert one.ending(b"EVENT", b"DOCUMENT") == wanted


def test_what_only_looks_changes_nothing_and_still_stops() -> None:
    watch = Watching(edits=False)
    one = reader("openai_chat", "text/event-stream", watch)
    assert one.feed(chat("low")) == chat("low") and not watch.stopped
    one.feed(chat("stop"))
    assert watch.stopped


def test_a_document_is_changed_in_place() -> None:
    body = b'{ "id":"low-id" , "choices":[{"message":{"content":"stands \\u006cow"}}]}'
    one = reader("openai_chat", "application/json", Watching(), stream=False)
    assert one.feed(body) == b"" and one.work(5, end=False) == 0 and one.work(0, end=True) == len(body)
    assert one.close() == b'{ "id":"LOW-id" , "choices":[{"message":{"content":"stands LOW"}}]}'


@pytest.mark.parametrize("body", [b"<p>stands low</p>", b'{"stands": "low"', b"stands low"])
def test_what_is_no_json_is_looked_at_as_text(body: bytes) -> None:
    watch = Watching()
    one = reader("openai_chat", "application/json", watch, stream=False)
    assert one.feed(body) + one.close() == body.replace(b"low", b"LOW") and not watch.reasons
    assert one.reply().inspection is Inspection.UNPARSED


def test_an_event_that_is_no_json_is_looked_at_as_text() -> None:
    one = reader("openai_chat", "text/event-stream", Watching())
    assert one.feed(b"data: stands low\n\n" + chat("x")) == b"data: stands LOW\n\n" + chat("x")
    assert one.reply().inspection is Inspection.PARTIAL


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ("application/json", b"\xff\xfe\x00", "reply is not UTF-8"),
        ("text/event-stream", b"data: \xff\xfe\n\n", "event is not UTF-8"),
        ("text/event-stream", b"data: " + b"x" * (5 << 20) + b"\n\n", "event over the limit"),
        ("application/json", b'{"a":"' + b"x" * (5 << 20) + b'"}', "reply too large to read"),
        ("application/json", b'{"a":"' + b"x" * (17 << 20), "reply over the limit"),
        ("application/json", b'{"a":[' + b"[]," * 210_000 + b"1]}", "reply too large to read"),
        ("application/x-ndjson", b'{"a":"' + b"x" * (5 << 20), "event over the limit"),
    ],
)
def test_what_passes_unread_says_so(kind: str, data: bytes, reason: str) -> None:
    watch = Watching()
    one = reader("openai_chat", kind, watch, stream=kind == "text/event-stream")
    out = one.feed(data) + one.close()
    assert reason in watch.reasons and len(out) == len(data)


def test_lines_of_json() -> None:
    watch = Watching()
    one = reader("openai_chat", "application/x-ndjson", watch)
    line = b'{"choices":[{"index":0,"delta":{"content":"low"}}]}'
    data = line + b"\r\n\n" + line
    out = b"".join(one.feed(data[at : at + 3]) for at in range(0, len(data), 3)) + one.close()
    assert out == data.replace(b"low", b"LOW")


def test_what_a_reply_repeats_of_the_request_is_an_echo() -> None:
    watch = Watching()
    one = reader("openai_responses", "text/event-stream", watch)
    response = {"id": "r", "instructions": "be low", "tools": [{"name": "t"}], "output": [{"text": "said"}]}
    one.feed(b"data: " + json.dumps({"type": "response.completed", "response": response}).encode() + b"\n\n")
    echoes = [channel for channel in watch.channels if channel.startswith(ECHO)]
    assert len(echoes) == 2 and all(channel.startswith(WHOLE) for channel in watch.channels)


def test_places_that_go_back_nowhere_are_marked() -> None:
    class NoEvents:
        array = False
        end_marks: frozenset[bytes] = frozenset()

    watch, notes = Watching(), Notes()
    editor = Editor(NoEvents(), notes, watch)  # type: ignore[arg-type]
    data = b'{"a":"x"}'
    assert editor.edit("", {}, data, Step([Place("/b", "c", "low")])) == data
    assert notes.reply().inspection is Inspection.PARTIAL and watch.reasons[0].startswith("edit: ")


def edited(body: bytes, kind: str = "text/event-stream", *, dialect: str = "openai_chat", stream: bool = True) -> bytes:
    """What goes out, whatever the pieces it came in."""
    outs = set()
    for size in (1, 7, 100_000):
        one = reader(dialect, kind, Watching(), stream=stream)
        outs.add(b"".join(one.feed(body[at : at + size]) for at in range(0, len(body), size)) + one.close())
    (out,) = outs
    return out


@pytest.mark.parametrize(
    "event",
    [
        b": a comment that is low\n\n",
        b"event: named low\ndata: {}\n\n",
        b"id: number low\r\ndata: {}\r\n\r\n",
        b"unheard: of, low\n\n",
        b'data: {"choices":[{"index":0,"delta":{"content":"x"},"extra":"stands low"}]}\n\n',
        b'data: {"choices":[],"citations":["stands low"]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"id-low","function":{"name":"low-name"}}]}}]}\n\n',
    ],
)
def test_whatever_else_a_client_can_read_is_looked_at(event: bytes) -> None:
    assert edited(event) == event.replace(b"low", b"LOW")


@pytest.mark.parametrize(
    ("dialect", "doc"),
    [
        ("anthropic_messages", {"type": "unheard_of", "text": "stands low"}),
        ("anthropic_messages", {"type": "message_start", "message": {"content": [{"text": "stands low"}]}}),
        ("anthropic_messages", {"type": "content_block_delta", "delta": {"type": "new", "new": "stands low"}}),
        ("openai_responses", {"type": "response.new.delta", "delta": {"new": "stands low"}}),
        ("gemini_generate", {"candidates": [{"content": {"parts": []}, "grounding": ["stands low"]}]}),
    ],
)
def test_events_and_members_of_next_year_are_looked_at(dialect: str, doc: dict[str, object]) -> None:
    event = b"data: " + json.dumps(doc).encode() + b"\n\n"
    assert edited(event, dialect=dialect) == event.replace(b"low", b"LOW")


def test_names_are_changed_and_the_first_of_two_members_does_not_go_along() -> None:
    assert edited(b'{"choices":[],"low-name":1}', "application/json") == b'{"choices":[],"LOW-name":1}'
    body = b'{"choices":[{"message":{"content":"stands low","content":"x"}}]}'
    assert edited(body, "application/json") == b'{"choices":[{"message":{"content":"x"}}]}'
    twice = b'data: {"choices":[],"a":"stands low","a":"x"}\n\n'
    assert edited(twice) == b'data: {"choices":[],"a":"x"}\n\n'


def test_tokens_of_a_text_go_only_with_the_text() -> None:
    for text, kept in (("low", False), ("high", True)):
        choice = {"index": 0, "delta": {"content": text}, "logprobs": {"content": [{"token": text}]}}
        event = b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"
        assert (b'"token"' in edited(event)) is kept and (edited(event) == event) is kept


def test_json_that_says_it_is_a_stream_or_a_picture_is_json() -> None:
    body = b'{"choices":[{"message":{"content":"stands low"}}]}'
    for kind in ("text/event-stream", "image/png", "application/octet-stream", ""):
        for stream in (True, False):
            assert edited(body, kind, stream=stream) == body.replace(b"low", b"LOW")


def test_a_stream_that_nobody_asked_for_is_read_as_one() -> None:
    for kind in ("application/json", "text/plain", "image/png"):
        assert edited(chat("low"), kind, stream=False) == chat("LOW")


def test_a_picture_is_none_of_anybodys_texts() -> None:
    one = reader("openai_chat", "image/png", Watching())
    assert one.feed(b"\x89PNG low") == b"\x89PNG low" and one.work(100_000, end=False) == 0


class Hearing(Watching):
    """Only looks."""

    acts = False

    def __init__(self) -> None:
        super().__init__(edits=False)
        self.said: list[str] = []

    def feed(self, channel: str, text: str) -> str:
        self.said.append(text)
        return text


def overheard(*events: bytes) -> Hearing:
    watch = Hearing()
    one = reader("openai_chat", "text/event-stream", watch)
    for event in events:
        assert one.feed(event) == event
    one.close()
    return watch


def test_where_nothing_acts_what_stands_beside_the_texts_is_heard_once() -> None:
    event = b': a comment\ndata: {"citations":["https://a.example"],"choices":[{"delta":{"content":"x"}}]}\n\n'
    watch = overheard(event, b"data: {}\n\n", event)
    assert watch.said.count(": a comment") == watch.said.count("https://a.example") == 1
    assert watch.said.count("x") == 2 and not watch.reasons


def test_where_nothing_acts_a_member_that_stands_twice_is_told() -> None:
    assert overheard(b'data: {"a":"one text","a":"another"}\n\n').reasons == ["event: duplicate member name"]
