"""Runs of events are read as each event alone would be, whatever comes between them and however they are cut."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weir.dlp.replies.listen import Listener
from weir.model import Endpoint, Exchange, Reply
from weir.providers.replies.eventreading import EVENT_STREAM
from weir.providers.replies.runs import Runs
from weir.providers.services.registry import Registry
from weir.providers.wire.eventstream import message_bytes

REGISTRY = Registry.load()
words = st.one_of(
    st.sampled_from([" the", "", '"', "\\", "a\n\nb", "é", "\u2028", "assistant", "\u0000", "x" * 5000, '"},"p":"ab"']),
    st.text(max_size=8),
)
noise = st.sampled_from(["", "aB3", "x" * 40, 'q"', "é"])
numbers = st.sampled_from([0, 1, 7, 12, 10**14, 10**15, -1, 1.5])


def chat(text: str, pad: str, number: Any) -> Any:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"id": "c", "model": "m", "created": number, "choices": [choice], "obfuscation": pad}


def call(text: str, pad: str, number: Any) -> Any:
    tool = {"index": 1, "function": {"arguments": text}}
    return {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [tool]}}], "p": pad, "created": number}


def thought(text: str, pad: str, number: Any) -> Any:
    return {"id": "c", "choices": [{"index": number, "delta": {"reasoning_content": text}}], "model": pad}


def counted(text: str, pad: str, number: Any) -> Any:
    return {"id": "c", "choices": [{"index": 0, "delta": {"content": text}}], "usage": {"prompt_tokens": number}}


def gemini(text: str, pad: str, number: Any) -> Any:
    usage = {"promptTokenCount": 5, "candidatesTokenCount": number, "totalTokenCount": 9}
    return {"candidates": [{"content": {"parts": [{"text": text}]}}], "usageMetadata": usage, "responseId": pad}


def gemini_thought(text: str, pad: str, number: Any) -> Any:
    parts = [{"text": text, "thought": True}]
    return {"candidates": [{"content": {"parts": parts}}], "usageMetadata": {"thoughtsTokenCount": number}}


def claude(text: str, pad: str, number: Any) -> Any:
    return {"type": "content_block_delta", "index": number, "delta": {"type": "text_delta", "text": text}}


def claude_input(text: str, pad: str, number: Any) -> Any:
    return {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": text}}


def claude_end(text: str, pad: str, number: Any) -> Any:
    return {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": number}}


def delta(text: str, pad: str, number: Any) -> Any:
    at = {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0}
    return {**at, "delta": text, "obfuscation": pad, "sequence_number": number}


def done(text: str, pad: str, number: Any) -> Any:
    response = {"id": "r", "model": "m", "usage": {"input_tokens": number, "output_tokens": 3}}
    return {"type": "response.completed", "response": response, "sequence_number": number}


def converse(text: str, pad: str, number: Any) -> Any:
    return {"contentBlockIndex": number, "delta": {"text": text}, "p": pad}


def llama(text: str, pad: str, number: Any) -> Any:
    return {"generation": text, "prompt_token_count": None, "generation_token_count": number, "stop_reason": None}


KINDS: dict[str, Sequence[Any]] = {
    "openai_chat": (chat, call, thought, counted),
    "gemini_generate": (gemini, gemini_thought),
    "anthropic_messages": (claude, claude_input, claude_end),
    "openai_responses": (delta, done),
    "bedrock_converse": (converse,),
    "bedrock_invoke": (chat, claude, claude_end, llama, converse),
}
runs = st.lists(
    st.tuples(st.integers(0, 4), st.lists(st.tuples(words, noise, numbers), min_size=1, max_size=5), st.integers(0, 9)),
    max_size=5,
)


def sse(doc: Any, odd: int) -> bytes:
    plain = json.dumps(doc, ensure_ascii=odd == 1, separators=None if odd == 2 else (",", ":")).encode(
        "utf-8", "replace"
    )
    end = b"\r\n" if odd == 3 else b"\n"
    name = b"event: " + str(doc.get("type")).encode() + end if odd == 4 else b""
    extra = {5: b": a comment\n\n", 6: b"\n", 7: b"id: 7\n"}.get(odd, b"")
    return extra + name + b"data: " + plain + end + end


def stream(dialect: str, written: Any) -> bytes:
    out = b""
    for kind, events, odd in written:
        kinds = KINDS[dialect]
        for event in events:
            doc = kinds[kind % len(kinds)](*event)
            if not dialect.startswith("bedrock"):
                out += sse(doc, odd)
                continue
            payload = json.dumps(doc).encode()
            if dialect == "bedrock_invoke":
                payload = json.dumps({"bytes": base64.b64encode(payload).decode(), "p": event[1]}).encode()
            message = message_bytes({":event-type": "contentBlockDelta", ":message-type": "event"}, payload)
            out += message[:-1] + b"\0" if odd == 9 else message
    return out


def read(dialect: str, data: bytes, cuts: list[int], *, knows: bool, listens: bool, strip: bool) -> Any:
    kind = EVENT_STREAM if dialect.startswith("bedrock") else "text/event-stream"
    listener = Listener() if listens else None
    exchange = Exchange(Endpoint("", dialect, ""), "m", True)
    reader = REGISTRY.dialect(dialect).reader(exchange, kind, listener, strip)
    runs: Runs = reader._runs  # type: ignore[attr-defined]
    assert runs.able
    runs.able = knows
    ends = sorted({cut for cut in cuts if cut < len(data)} | {len(data)})
    out, seen = b"", list[Reply]()
    for start, end in zip([0, *ends], ends, strict=False):
        out += reader.feed(data[start:end])
        if len(seen) < 3:
            seen.append(reader.reply())
    out += reader.close()
    if listener is not None:
        listener.end()
    heard = [(window.text, window.done) for window in listener.windows()] if listener else []
    return out, reader.reply(), heard, listener.found.failed if listener else "", seen


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(KINDS)), runs, st.lists(st.integers(0, 1500), max_size=8), st.booleans(), st.booleans())
@example("bedrock_invoke", [(4, [(" the", "", 0), (" the", "x" * 40, 0)], 0)], [], True, False)  # first padded by none
def test_a_run_is_read_as_its_events(dialect: str, written: Any, cuts: list[int], listens: bool, strip: bool) -> None:
    data = stream(dialect, written)
    plain = read(dialect, data, cuts, knows=False, listens=listens, strip=strip)
    assert read(dialect, data, cuts, knows=True, listens=listens, strip=strip) == plain
    assert read(dialect, data, [], knows=True, listens=listens, strip=strip)[:2] == plain[:2]


@pytest.mark.parametrize("dialect", sorted(KINDS))
def test_a_long_stream_is_mostly_one_run(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    learn = Runs.learn

    def counting(self: Runs, *given: Any) -> None:
        nonlocal count
        count += 1
        learn(self, *given)

    monkeypatch.setattr(Runs, "learn", counting)
    pads, counts = "gemini" not in dialect, dialect in ("openai_responses", "gemini_generate")
    texts = [(f" word{n}", "aB" * (n % 9) if pads else "", n if counts else 0) for n in range(100)]
    data = stream(dialect, [(0, texts, 0)])
    reply = read(dialect, data, list(range(0, len(data), 397)), knows=True, listens=False, strip=False)[1]
    assert reply.text == "".join(text for text, _, _ in texts) and count <= 12
