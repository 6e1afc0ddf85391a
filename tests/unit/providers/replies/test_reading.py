from __future__ import annotations

import json

import pytest

from golden.swap import VALUE, WORD, Swap
from harness.effort import within
from weir.model import Endpoint, Exchange, Inspection, Reply, Usage
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.replies import reading
from weir.providers.replies.notes import Notes, Place, Step
from weir.providers.replies.reading import EventReader
from weir.providers.wire.values import JsonObject, get_text

SAID = json.dumps(VALUE)[1:-1].encode()  # as it stands in a document
EXCHANGE = Exchange(Endpoint("", "openai_chat", "chat"), "m", True)


def reader(kind: str = "text/event-stream", text: Swap | None = None, strip: bool = False) -> EventReader:
    return EventReader(OpenAIChat().events(EXCHANGE), kind, True, text, strip)


def run(data: bytes, kind: str = "text/event-stream", text: Swap | None = None) -> tuple[bytes, Reply]:
    found = reader(kind, text)
    return found.feed(data) + found.close(), found.reply()


def chunk(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


def test_listening_passes_bytes_at_once() -> None:
    found = reader()
    for part in (b"da", b"ta: {", b'"choices"'):
        assert found.feed(part) == part
    assert found.close() == b""


def test_close_is_final() -> None:
    found = reader(text=Swap({WORD: VALUE}))
    assert found.feed(chunk("a <EMA")).count(b'"a "') == 1
    assert b"<EMA" in found.close()
    assert found.close() == b""
    assert found.feed(b"late") == b"late"


def test_a_tail_follows_a_last_event_without_its_end() -> None:
    out, _ = run(chunk("<EMA").rstrip(b"\n"), text=Swap({WORD: VALUE}))
    events = [json.loads(e.removeprefix(b"data: ")) for e in out.split(b"\n\n") if e]
    assert [e["choices"][0]["delta"]["content"] for e in events] == ["", "<EMA"]


@pytest.mark.parametrize(
    ("data", "kind", "inspection", "reason"),
    [
        (b"data: {bad\n\n", "text/event-stream", Inspection.PARTIAL, "event: not JSON"),
        (b"data: [1]\n\n", "text/event-stream", Inspection.PARTIAL, "event: not a JSON object"),
        (b"<html>", "text/event-stream", Inspection.UNPARSED, "no events in an event stream"),
        (b"<html>", "text/html", Inspection.UNPARSED, "reply is neither JSON nor an event stream"),
        (b'{"a":', "application/json", Inspection.UNPARSED, "reply: not JSON"),
        (b"", "application/json", Inspection.INSPECTED, ""),
        (b"data: " + b"[" * 300 + b"\n\n", "text/event-stream", Inspection.PARTIAL, "event: not JSON"),
    ],
)
def test_what_cannot_be_read_passes_and_is_marked(data: bytes, kind: str, inspection: Inspection, reason: str) -> None:
    for text in (None, Swap({WORD: VALUE})):
        out, reply = run(data, kind, text)
        assert out == data
        assert (reply.inspection, reply.reason) == (inspection, reason)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/octet-stream"])
def test_framing_by_sight(kind: str) -> None:
    _, reply = run(chunk("hi") + b"data: [DONE]\n\n", kind)
    assert (reply.text, reply.complete) == ("hi", True)
    _, reply = run(b'\n {"choices":[{"message":{"content":"hi"}}]}', kind)
    assert (reply.text, reply.complete) == ("hi", True)


def test_a_document_over_the_limit_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_BYTES_MAX", 100)
    data = b'{"choices":[{"message":{"content":"' + b"x" * 200 + b'"}}]}'
    found = reader("application/json", Swap({WORD: VALUE}))
    out = b"".join(found.feed(data[at : at + 9]) for at in range(0, len(data), 9)) + found.close()
    assert out == data
    assert found.reply().reason == "reply over the limit"


def test_open_channels_are_bounded() -> None:
    found = reader(text=Swap({WORD: VALUE}))
    out = b""
    for at in range(3000):
        doc = {"choices": [{"index": at, "delta": {"content": "<"}}]}
        out += found.feed(b"data: " + json.dumps(doc).encode() + b"\n\n")
    assert found._editor is not None and len(found._editor._open) <= 1100
    out += found.close()
    assert out.count(b'"<"') == 3000


DOCUMENT = b'{"model":"m","choices":[{"message":{"content":"<EMAIL_ADDRESS_1>"}}],"usage":{"prompt_tokens":3}}'


@pytest.mark.parametrize("text", [None, Swap({WORD: VALUE})])
def test_white_space_ahead_is_passed_on_and_not_kept(text: Swap | None) -> None:
    found = reader("application/json", text)
    blank = b" " * 63 + b"\n"
    assert within(3, lambda: all(found.feed(blank) == blank for _ in range(32_000)))
    assert not found._head
    out = found.feed(b"  " + DOCUMENT) + found.close()
    assert out == b"  " + (DOCUMENT.replace(WORD.encode(), SAID) if text else DOCUMENT)
    assert found.reply().usage == Usage(input_tokens=3, source="reported")


def test_an_indented_field_is_no_event() -> None:
    for data in (b"  " + chunk("hi"), b"\n\t" + chunk("hi")):
        out, reply = run(data, "")
        assert (out, reply.inspection, reply.text) == (data, Inspection.UNPARSED, "")


def choices(count: int, pad: bytes = b"") -> bytes:
    part = b",".join(b'{"index":%d,"message":{"content":"<EMAIL_ADDRESS_1>"}}' % at for at in range(count))
    return b'{"id":"r","model":"m","choices":[' + part + b'],"pad":"' + pad + b'","usage":{"prompt_tokens":3}}'


BLOWN = b'{"choices":[{"message":{"content":"x","' + b"k" * 300_000 + b'":[' + b'"ab",' * 2500 + b'"ab"]}}]}'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (choices(30_000), "too many texts"),
        (choices(150_000), "reply too large to read"),
        (choices(3, b"x" * 5_000_000), "reply too large to read"),
        (BLOWN, "too many texts"),
        (b'{"a":[' + b"{}," * 2_500_000 + b"x", "reply too large to read"),
        (b'{"a":[' + b"{}," * 150_000 + b"x", "reply: not JSON"),
        (b'{"choices":[' + b"[1]," * 900_000 + b"1]}", "reply too large to read"),
        (b'{"choices":[' + b"{}," * 150_000 + b"{}]}", "too many texts"),
        (b"[" + b"{}," * 150_000 + b"{}]", "too many texts"),
        (b'{"choices":[{"message":{"c":[' + b'"a",' * 900_000 + b"1]}}]}", "too many texts"),
        (b'{"choices":' + b"[" * 900 + b"]" * 900 + b"}", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else str(len(value)),
)
@pytest.mark.parametrize("editing", [False, True])
def test_hostile_documents_hold_nobody_up(data: bytes, reason: str, editing: bool) -> None:
    """They pass as they are, and the record says so."""
    out, reply = within(2, lambda: run(data, "application/json", Swap({WORD: VALUE}) if editing else None))
    assert out == data
    assert reason in reply.reason
    assert (reply.inspection is Inspection.INSPECTED) == (not reason)


def test_a_large_document_still_tells_what_it_used() -> None:
    _, reply = run(choices(3, b"x" * 5_000_000), "application/json")
    assert (reply.usage, reply.model, reply.response_id) == (Usage(input_tokens=3, source="reported"), "m", "r")


def test_a_large_document_is_still_edited() -> None:
    data = choices(1000, b"x" * 2_000_000)
    out, reply = within(3, lambda: run(data, "application/json", Swap({WORD: VALUE})))
    assert out == data.replace(WORD.encode(), SAID)
    assert reply.inspection is Inspection.INSPECTED


@pytest.mark.parametrize("count", [2000, 30_000, 70_000])
def test_an_event_with_too_many_texts_passes(count: int) -> None:
    data = b"data: " + choices(count) + b"\n\n"
    out, reply = within(2, lambda: run(data, text=Swap({WORD: VALUE})))
    assert (out, reply.reason) == (data, "too many texts")


def test_a_document_with_a_byte_order_mark_is_edited() -> None:
    for data in (b"data: \xef\xbb\xbf" + DOCUMENT + b"\n\n", b"\xef\xbb\xbfdata: " + DOCUMENT + b"\n\n"):
        out, _ = run(data, text=Swap({WORD: VALUE}))
        assert out == data.replace(WORD.encode(), SAID)


class _Lines:
    """Events with one text each, which a true ``end`` ends."""

    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        return Step([Place("/t", "t", get_text(doc, "t"))] if "t" in doc else (), ("",) if doc.get("end") else ())

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        """Nothing to note."""

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return {"t": text}


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonl", "application/stream+json; a=b"])
@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (b'{"t":"a <E"}\n{"end":true}\n', b'{"t":"a "}\n{"t":"<E"}\n{"end":true}\n'),
        (b'{"t":"a <E"}\n', b'{"t":"a "}\n{"t":"<E"}\n'),
        (b'{"t":"a <E"}', b'{"t":"a "}\n{"t":"<E"}\n'),
        (b'{"t":"a"}', b'{"t":"a"}'),
    ],
)
def test_what_is_held_back_is_a_line_of_its_own(kind: str, sent: bytes, got: bytes) -> None:
    found = EventReader(_Lines(), kind, True, Swap({WORD: VALUE}))
    assert found.feed(sent) + found.close() == got


def test_lines_may_end_with_an_error() -> None:
    found = EventReader(_Lines(), "application/x-ndjson", True, Swap({}))
    assert found.feed(b'{"t":"a"}\n{"t":') == b'{"t":"a"}\n'
    assert found.ending(b"event", b'{"error":"No."}') == b'{"error":"No."}\n'
