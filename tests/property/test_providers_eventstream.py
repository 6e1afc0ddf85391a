"""Laws of the binary event stream: total, independent of chunking, byte-exact, its checksums right after edits."""

from __future__ import annotations

import base64
import functools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.eventwire import packed, unpacked
from golden.swap import VALUE, WORD, Swap
from weir.dlp.core.engine import Engine
from weir.dlp.replies.reply import Guard, Scanned, segment_of
from weir.dlp.replies.replytail import Shapes
from weir.model import Action, Endpoint, Exchange, Reply
from weir.providers.replies.eventreading import EVENT_STREAM
from weir.providers.services.registry import Registry
from weir.providers.wire.eventstream import Cutter, message_bytes, with_payload

REGISTRY = Registry.load()
IDS = st.sampled_from(["bedrock_converse", "bedrock_invoke"])
NAMES = [
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
    "chunk",
]
words = st.one_of(st.text(max_size=6), st.sampled_from([WORD, WORD[:5], WORD[5:], f"a {WORD} é"]))
documents = st.one_of(
    st.builds(lambda t, n: {"contentBlockIndex": n, "delta": {"text": t}}, words, st.integers(0, 2)),
    st.builds(lambda t: {"delta": {"toolUse": {"input": t}}}, words),
    st.builds(lambda t: {"start": {"toolUse": {"name": t, "toolUseId": t}}}, words),
    st.builds(lambda t: {"generation": t, "prompt_token_count": 1}, words),
    st.builds(lambda t: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}}, words),
    st.builds(lambda t: {"event_type": "text-generation", "text": t}, words),
    st.builds(lambda t: {"choices": [{"index": 0, "delta": {"content": t}}]}, words),
    st.builds(lambda t: {"contentBlockDelta": {"delta": {"text": t}}, "usage": {"inputTokens": t}}, words),
    st.dictionaries(words, words, max_size=3),
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["event", "event", "event", "exception", "error"]))
    headers = {":message-type": kind, ":event-type": draw(st.sampled_from(NAMES)), ":error-message": draw(words)}
    return {"headers": headers, draw(st.sampled_from(["payload", "chunk"])): draw(documents)}


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Whole streams, and such with some bytes changed, lost or added."""
    data = bytearray(packed(draw(st.lists(events(), max_size=5))))
    if data and draw(st.booleans()):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


any_bytes = st.one_of(streams(), streams(), st.binary(max_size=80))
cuts = st.lists(st.integers(0, 1500), max_size=12)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({p for p in places if p < len(data)} | {len(data)})
    return [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def run(dialect_id: str, chunks: list[bytes], text: Swap | None, kind: str = EVENT_STREAM) -> tuple[bytes, Reply]:
    reader = REGISTRY.dialect(dialect_id).reader(Exchange(Endpoint("", dialect_id, ""), "m", True), kind, text)
    out = b"".join(reader.feed(chunk) for chunk in chunks) + reader.close()
    return out, reader.reply()


@given(any_bytes, cuts, st.integers(16, 400))
@settings(max_examples=150)
def test_messages_are_the_stream(data: bytes, places: list[int], limit: int) -> None:
    for size in (limit, 1 << 20):
        cutter = Cutter(size)
        whole = [*cutter.feed(data), *cutter.close()]
        assert b"".join(m.raw for m in whole) == data
        cutter = Cutter(size)
        parts = [m for chunk in cut(data, places) for m in cutter.feed(chunk)] + cutter.close()
        assert b"".join(m.raw for m in parts) == data
        assert [m for m in parts if not m.fault] == [m for m in whole if not m.fault]
        assert {m.fault for m in parts} == {m.fault for m in whole}


@given(
    st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5),
    st.binary(max_size=60),
    st.binary(max_size=60),
)
def test_what_is_written_is_read(headers: dict[str, str], payload: bytes, other: bytes) -> None:
    (message,) = Cutter().feed(message_bytes(headers, payload))
    assert (message.headers, message.payload, message.fault) == (headers, payload, "")
    assert with_payload(message, payload) == message.raw
    (edited,) = Cutter().feed(with_payload(message, other))
    assert (edited.headers, edited.payload) == (headers, other)


@given(IDS, any_bytes, cuts)
@settings(max_examples=150)
def test_listening_changes_nothing(dialect_id: str, data: bytes, places: list[int]) -> None:
    whole, once = run(dialect_id, [data], None)
    out, reply = run(dialect_id, cut(data, places), None)
    assert whole == out == data
    assert reply == once


@given(IDS, any_bytes, cuts)
@settings(max_examples=150)
def test_mapping_does_not_depend_on_chunks(dialect_id: str, data: bytes, places: list[int]) -> None:
    whole, once = run(dialect_id, [data], Swap({WORD: VALUE}))
    out, reply = run(dialect_id, cut(data, places), Swap({WORD: VALUE}))
    bytewise, _ = run(dialect_id, [data[at : at + 1] for at in range(len(data))], Swap({WORD: VALUE}))
    assert out == whole == bytewise
    assert reply == once


@given(IDS, any_bytes, st.sampled_from([EVENT_STREAM, "", "application/json"]))
@settings(max_examples=150)
def test_a_map_that_changes_nothing_leaves_every_byte(dialect_id: str, data: bytes, kind: str) -> None:
    assert run(dialect_id, [data], Swap({}), kind)[0] == data


@given(IDS, st.lists(events(), max_size=6))
@settings(max_examples=150)
def test_checksums_are_right_after_edits(dialect_id: str, sent: list[dict[str, Any]]) -> None:
    out, _ = run(dialect_id, [packed(sent)], Swap({WORD: VALUE}))
    unpacked(out)


@given(st.text(max_size=30), cuts, st.booleans())
@settings(max_examples=150)
def test_a_text_comes_whole_whatever_its_deltas(text: str, places: list[int], inner: bool) -> None:
    """However a text is cut into deltas, it comes out as one replacement of it all would be."""
    text = f"{text}{WORD}{text}"
    ends = sorted({p for p in places if p < len(text)} | {len(text)})
    parts = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    name = "chunk" if inner else "contentBlockDelta"
    docs: list[dict[str, Any]] = [{"contentBlockIndex": 0, "delta": {"text": part}} for part in parts]
    sent = [
        {"headers": {":event-type": name, ":message-type": "event"}}
        | ({"chunk": {"contentBlockDelta": doc}} if inner else {"payload": doc})
        for doc in docs
    ]
    out, _ = run("bedrock_invoke" if inner else "bedrock_converse", [packed(sent)], Swap({WORD: VALUE}))
    got = [e["chunk"]["contentBlockDelta"] if inner else e["payload"] for e in unpacked(out)]
    assert "".join(doc["delta"]["text"] for doc in got) == text.replace(WORD, VALUE)


@given(st.binary(max_size=60))
def test_any_bytes_within_an_event_pass(data: bytes) -> None:
    payload = json.dumps({"bytes": base64.b64encode(data).decode()}).encode()
    wire = message_bytes({":event-type": "chunk", ":message-type": "event"}, payload)
    assert run("bedrock_invoke", [wire], Swap({}))[0] == wire


@functools.cache
def engine() -> Engine:
    return Engine.load(fingerprint_key=b"k" * 32)


def look(text: str) -> Scanned:
    scan = engine().scan(segment_of(text), "response")
    return scan.findings, scan.reason


def guarded(inner: bool, parts: list[str], action: Action) -> tuple[bytes, Guard, Any]:
    """A stream of ``parts`` through the guard of replies: what goes out, the guard, and the reader."""
    dialect = REGISTRY.dialect("bedrock_invoke" if inner else "bedrock_converse")
    guard = Guard(look, lambda findings: [action for _ in findings], Shapes())
    reader = dialect.reader(Exchange(Endpoint("", dialect.id, ""), "m", True), EVENT_STREAM, guard)
    out = b""
    for part in parts:
        doc: dict[str, Any] = {"contentBlockIndex": 0, "delta": {"text": part}}
        name = "chunk" if inner else "contentBlockDelta"
        body = {"chunk": {"contentBlockDelta": doc}} if inner else {"payload": doc}
        out += reader.feed(packed([{"headers": {":event-type": name, ":message-type": "event"}, **body}]))
    return out, guard, reader


@given(cuts, st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_key_is_taken_out_wherever_it_is_cut(places: list[int], inner: bool) -> None:
    key = "AKIA" + "3QZ7TX5NWJ2KDLPV"
    text = f"The key is {key}, keep it."
    ends = sorted({p % len(text) for p in places if p % len(text)} | {len(text)})
    out, _, reader = guarded(inner, [text[a:b] for a, b in zip([0, *ends], ends, strict=False)], Action.REDACT)
    events_out = unpacked(out + reader.close())
    docs = [e["chunk"]["contentBlockDelta"] if inner else e["payload"] for e in events_out]
    assert "".join(d["delta"]["text"] for d in docs) == "The key is [REDACTED:aws-access-key-id], keep it."


@pytest.mark.parametrize("inner", [False, True])
def test_a_stopped_stream_ends_with_the_providers_exception(inner: bool) -> None:
    parts = ["The key is ", "AKIA" + "3QZ7TX5NWJ2KDLPV", ", keep it. " * 20, "More. " * 100]
    out, guard, reader = guarded(inner, parts, Action.BLOCK)
    assert guard.stopped and reader.close() == b""
    dialect = REGISTRY.dialect("bedrock_converse")
    whole = unpacked(out + reader.ending(dialect.abort_event("No.", "r"), b"{}"))
    assert whole[-1]["headers"][":exception-type"] == "validationException"
    assert "3QZ7TX5NWJ2KDLPV" not in json.dumps(whole)
