from __future__ import annotations

import json

import pytest

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Inspection, Reply
from weir.providers import reading
from weir.providers.openai_chat import OpenAIChat
from weir.providers.reading import EventReader

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
    assert len(found._open) <= 1100
    out += found.close()
    assert out.count(b'"<"') == 3000
