from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from golden.eventwire import packed, unpacked
from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Inspection, Reply
from weir.providers.formats.bedrock_converse import ConverseEvents
from weir.providers.formats.bedrock_invoke import BedrockInvoke
from weir.providers.replies import eventreading
from weir.providers.replies.eventreading import EVENT_STREAM, EventStreamReader, exception_bytes

INVOKE = BedrockInvoke().events(Exchange(Endpoint("", "", ""), "m", True))


def headers(name: str) -> dict[str, str]:
    return {":event-type": name, ":content-type": "application/json", ":message-type": "event"}


def delta(text: str, at: int = 0) -> dict[str, Any]:
    return {"headers": headers("contentBlockDelta"), "payload": {"contentBlockIndex": at, "delta": {"text": text}}}


def run(data: bytes, text: Any = None, kind: str = EVENT_STREAM, *, wrapped: bool = False) -> tuple[bytes, Reply]:
    reader = EventStreamReader(INVOKE if wrapped else ConverseEvents(), kind, True, text, wrapped=wrapped)
    out = b"".join(reader.feed(data[at : at + 9]) for at in range(0, len(data), 9)) + reader.close()
    return out, reader.reply()


class Strict(Swap):
    """Stops at what can't be read."""

    edits = True
    acts = True
    stopped = False
    reason = ""

    def unread(self, reason: str) -> None:
        self.stopped, self.reason = True, reason


def test_listening_passes_bytes_at_once() -> None:
    reader = EventStreamReader(ConverseEvents(), EVENT_STREAM, True)
    wire = packed([delta("Hi")])
    assert reader.feed(wire[:5]) == wire[:5] and reader.feed(wire[5:]) == wire[5:]
    assert reader.close() == b"" and reader.reply().text == "Hi"


def test_what_is_held_back_comes_before_a_message_cut_off() -> None:
    wire = packed([delta("a <EMA")])
    out, reply = run(wire + wire[:30], Swap({WORD: VALUE}))
    assert out.endswith(wire[:30])
    assert [e["payload"]["delta"]["text"] for e in unpacked(out[:-30])] == ["a ", "<EMA"]
    assert (reply.inspection, reply.reason) == (Inspection.PARTIAL, "event stream: cut off")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\x20 no such thing", "event stream: wrong checksum of lengths"),
        (packed([delta("Hi")])[:-1] + b"!", "event: wrong checksum"),
    ],
)
def test_what_cannot_be_read_passes_or_is_stopped(data: bytes, reason: str) -> None:
    before = packed([delta("Hi")])
    out, reply = run(before + data, Swap({WORD: VALUE}))
    assert out == before + data
    assert (reply.inspection, reply.reason, reply.text) == (Inspection.PARTIAL, reason, "Hi")
    strict = Strict({})
    out, _ = run(before + data, strict)
    assert out == before and strict.reason == reason


@pytest.mark.parametrize("kind", ["application/json", ""])
def test_errors_are_documents(kind: str) -> None:
    out, reply = run(json.dumps({"message": f"No, {WORD}"}).encode(), Swap({WORD: VALUE}), kind)
    assert json.loads(out) == {"message": f"No, {VALUE}"} and reply.finish_reason == "error"


def test_a_stream_under_a_wrong_name_is_known_by_its_first_byte() -> None:
    assert run(packed([delta("Hi")]), None, "application/octet-stream")[1].text == "Hi"


def test_errors_without_a_payload() -> None:
    wire = packed([{"headers": {":message-type": "error", ":error-code": "E", ":error-message": f"No, {WORD}"}}])
    out, reply = run(wire, Swap({WORD: VALUE}))
    assert out == wire and reply.finish_reason == "error"
    (event,) = unpacked(run(wire, Strict({WORD: VALUE}))[0])
    assert event["headers"] == {":message-type": "error", ":error-code": "E", ":error-message": f"No, {VALUE}"}


def test_events_without_payload_pass() -> None:
    wire = packed([{"headers": headers("messageStart")}, {"headers": headers("x"), "payload": [1]}])
    out, reply = run(wire, Swap({WORD: VALUE}))
    assert out == wire and reply.reason == "event: not a JSON object"


def test_inner_events_are_edited_within() -> None:
    wire = packed([{"headers": headers("chunk"), "chunk": {"generation": f"Hi {WORD}", "n": 1.50}}])
    (event,) = unpacked(run(wire, Swap({WORD: VALUE}), wrapped=True)[0])
    assert event["chunk"] == {"generation": f"Hi {VALUE}", "n": 1.5}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [({"bytes": "no base64!"}, "event: not base64"), ({"other": "a text"}, ""), ({"bytes": 1}, "")],
)
def test_outer_events_that_hold_none(payload: dict[str, Any], reason: str) -> None:
    wire = packed([{"headers": headers("chunk"), "payload": payload}])
    out, reply = run(wire, Swap({WORD: VALUE}), wrapped=True)
    assert out == wire and reply.reason == reason


def test_inner_bytes_that_are_no_json_are_read_as_text() -> None:
    inner = base64.b64encode(f"plain {WORD}".encode()).decode()
    wire = packed([{"headers": headers("chunk"), "payload": {"bytes": inner}}])
    watch = Strict({WORD: VALUE})
    watch.unread = lambda reason: None  # type: ignore[method-assign]
    out, reply = run(wire, watch, wrapped=True)
    assert base64.b64encode(f"plain {VALUE}".encode()) in out and reply.reason == "event: not JSON"


def test_pictures_that_a_model_made_are_no_text() -> None:
    document = json.dumps({"images": [WORD], "error": f"No, {WORD}"}).encode()
    out, reply = run(document, Swap({WORD: VALUE}), "application/json", wrapped=True)
    assert json.loads(out) == {"images": [WORD], "error": f"No, {VALUE}"}
    assert (reply.inspection, reply.reason) == (Inspection.PARTIAL, "image")


def test_how_a_stream_is_ended() -> None:
    end = exception_bytes("validationException", b'{"message":"No."}')
    assert unpacked(end)[0]["headers"][":exception-type"] == "validationException"
    reader = EventStreamReader(ConverseEvents(), EVENT_STREAM, True, Swap({}))
    reader.feed(packed([delta("Hi")]))
    assert reader.ending(end, b"{}") == end
    assert reader.work(100, end=False) == 100
    reader.feed(b"not a message at all")
    assert reader.ending(end, b"{}") == b""
    reader = EventStreamReader(ConverseEvents(), "application/json", False, Swap({}))
    reader.feed(b"{")
    assert reader.ending(end, b"{}") == b"" and reader.work(100, end=False) == 0


def test_a_message_over_the_limit_passes_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventreading, "READ_BYTES_MAX", 300)
    wire = packed([delta("Hi"), delta(f"{WORD} " * 100), delta(" you")])
    out, reply = run(wire, Swap({WORD: VALUE}))
    assert out == wire and reply.text == "Hi you" and reply.reason == "event over the limit"


class Ear(Strict):
    """Keeps what it is given."""

    def __init__(self, *, acts: bool) -> None:
        super().__init__({})
        self.acts = self.edits = acts
        self.said: list[str] = []

    def feed(self, channel: str, text: str) -> str:
        self.said.append(text)
        return super().feed(channel, text)


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("name", ["x-new", ":event-type", ":exception-type"])
def test_headers_are_looked_at_and_those_of_every_message_are_not(name: str, acts: bool) -> None:
    ear = Ear(acts=acts)
    said = {**delta("Hi"), "headers": {**headers("contentBlockDelta"), name: "a text of theirs"}}
    sent = packed([delta("Hello"), said, delta(" there")])
    assert run(sent, ear)[0] == sent
    assert f"{name}: a text of theirs" in ear.said and not any(":content-type" in text for text in ear.said)


def test_a_header_that_would_have_to_change_is_told() -> None:
    strict = Strict({WORD: VALUE})
    run(packed([{**delta("Hi"), "headers": {**headers("contentBlockDelta"), "x-new": WORD}}]), strict)
    assert strict.stopped and "header" in strict.reason
