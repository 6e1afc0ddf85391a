"""What a reply's shape says: JSON, JSON lines, server-sent events, event frames or model weights. Never its content."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from weir.shadow.agents import a2a_reply, agent_card, rpc_reply, rpc_shape
from weir.shadow.downloads import magic
from weir.shadow.results import result_signals
from weir.shadow.servers import server_page, server_reply
from weir.shadow.signs import Signal, after_key, first, load_json

__all__ = ["response_shape"]

_OBJECTS = {
    "chat.completion": "chat",
    "chat.completion.chunk": "chat",
    "text_completion": "chat",
    "response": "chat",
    "embedding": "embeddings",
    "thread": "chat",
    "thread.run": "chat",
    "thread.message": "chat",
    "assistant": "chat",
    "fine_tuning.job": "ai",
    "realtime.session": "audio",
}
_FAINT = frozenset({"thread", "assistant"})  # others have objects of that name, and surveys have responses
_OF_RESPONSE = frozenset({"output", "usage", "model", "instructions", "previous_response_id"})
_OF_EVENT = frozenset({"response", "item", "delta", "part", "output_index", "sequence_number", "message", "index"})
_EVENTS = re.compile(
    r"(message_start|content_block_\w+|response\.(created|in_progress|output_\w+\.\w+)|content-delta|"
    r"interaction\.(created|start|in_progress))\Z"
)
_USAGE = (
    ("prompt_tokens", "completion_tokens"),
    ("prompt_tokens", "total_tokens"),
    ("input_tokens", "output_tokens"),
    ("inputTokens", "outputTokens"),
    ("promptTokenCount", "totalTokenCount"),
)

# For replies of which only a piece is at hand, or that are too long to be read whole.
_PIECES = (
    (
        b'"object"',
        re.compile(rb'\s*:\s*"(?:chat\.completion(?:\.chunk)?|text_completion|response|embedding)"'),
        Signal("object", 50, "chat"),
    ),
    (b'"id"', re.compile(rb'\s*:\s*"(?:chatcmpl|cmpl)-'), Signal("id", 40, "chat")),
    (
        b'"candidates"',
        re.compile(rb'\s*:\s*\[\s*\{\s*"(?:content|finishReason)"\s*:'),
        Signal("candidates", 50, "chat"),
    ),
    (b'"type"', re.compile(rb'\s*:\s*"message"\s*,\s*"role"\s*:\s*"assistant"'), Signal("message", 45, "chat")),
    (
        b'"delta"',
        re.compile(rb'\s*:\s*\{\s*(?:"role"\s*:\s*"assistant"|"content"\s*:)'),
        Signal("choices", 40, "chat"),
    ),
    (b'"embedding"', re.compile(rb"\s*:\s*\[\s*-?\d\.\d{3,}"), Signal("vector", 25, "embeddings")),
    (b'"b64_json"', re.compile(rb'\s*:\s*"[A-Za-z0-9+/]{40}'), Signal("picture", 40, "image")),
)
_FRAME_EVENT = re.compile(rb":event-type\x07\x00.(contentBlock|messageSt|assistantResponse|chunk)", re.S)
_DATA_LINES = 6
_EVENTS_MAX = 16_384  # bytes of a stream
_ENOUGH = 45  # points of a sign after which no more events are read


def response_shape(start: bytes) -> list[Signal]:
    """Signs in the beginning of a decoded reply (at most 64 KiB), be it JSON, JSON lines, SSE, frames or weights."""
    if form := magic(start):
        return [Signal(form, 45, "weights")]
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n") if start[:1] in b"\xef \t\r\n" else start
    if text[:1] in (b"{", b"["):
        document = load_json(text)
        if document is None and text[:1] == b"{":
            document = load_json(text.partition(b"\n")[0])  # JSON lines
        return _reply_pieces(text) if document is None else _reply_object(document)
    if text.startswith((b"data:", b"event:", b"id:", b":", b"retry:")):
        return _events(text)
    if b":event-type\x07" in start[:4096] and _FRAME_EVENT.search(start[:4096]):
        return [Signal("event-frames", 45, "chat")]
    return server_page(text)


def _reply_object(document: Any) -> list[Signal]:
    if isinstance(document, list):
        return _reply_list(document)
    if not isinstance(document, dict):
        return []
    inner = document.get("response")
    if isinstance(inner, dict) and ("candidates" in inner or "usage" in inner):
        document = {**inner, "type": document.get("type")}
    if "jsonrpc" in document:
        return rpc_reply(document) or rpc_shape(document)
    return list(_reply_signs(document))


def _reply_list(document: list[Any]) -> list[Signal]:
    item = document[0] if document else None
    if isinstance(item, dict):
        if isinstance(item.get("generated_text"), str):
            return [Signal("generated-text", 40, "chat")]
        if "jsonrpc" in item:
            return rpc_reply(item) or rpc_shape(item)
        return list(_reply_signs(item)) if "candidates" in item else []
    # A list of vectors, as embedding servers answer: what has this many dimensions is no place on a map.
    if isinstance(item, list) and len(item) >= 128 and all(isinstance(x, float) and -2 < x < 2 for x in item[:16]):
        return [Signal("vectors", 25, "embeddings")]
    return []


def _reply_signs(document: dict[str, Any]) -> Iterable[Signal]:
    kind = document.get("object")
    if isinstance(kind, str) and kind in _OBJECTS:
        faint = kind in _FAINT or (kind == "response" and document.keys().isdisjoint(_OF_RESPONSE))
        yield Signal("object", 20 if faint else 50, _OBJECTS[kind])
    elif kind == "list" and (item := first(document.get("data"))) is not None:
        if item.get("object") == "embedding":
            yield Signal("object", 50, "embeddings")
        elif item.get("object") == "model" and "owned_by" in item:
            yield Signal("model-list", 35, "ai")
    identity, type_ = document.get("id"), document.get("type")
    if isinstance(identity, str) and identity.startswith(("chatcmpl-", "cmpl-")):
        yield Signal("id", 40, "chat")
    if type_ == "message" and document.get("role") == "assistant" and "stop_reason" in document:
        yield Signal("message", 45, "chat")
    elif isinstance(type_, str) and _EVENTS.match(type_) and not document.keys().isdisjoint(_OF_EVENT):
        yield Signal("event", 45, "chat")
    if first(document.get("candidates")) is not None and ("usageMetadata" in document or "modelVersion" in document):
        yield Signal("candidates", 50, "chat")
    choice = first(document.get("choices"))
    if choice is not None and isinstance(choice.get("delta", choice.get("message")), dict):
        yield Signal("choices", 40, "chat")
    for field in ("usage", "usageMetadata"):
        usage = document.get(field)
        if isinstance(usage, dict) and any(a in usage and b in usage for a, b in _USAGE):
            yield Signal("usage", 25, "ai")
    output = document.get("output")
    if "stopReason" in document and isinstance(output, dict) and "message" in output:
        yield Signal("converse", 45, "chat")
    yield from agent_card(document)
    yield from server_reply(document)
    yield from result_signals(document)
    yield from a2a_reply(document)


def _events(text: bytes) -> list[Signal]:
    found: list[Signal] = []
    looked = 0
    named = b""
    for line in _lines(text[:_EVENTS_MAX]):
        if line.startswith(b"event:"):
            named = line[6:].strip()
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            found.append(Signal("done-mark", 15, "chat"))
        elif data[:1] in (b"{", b"["):
            document = load_json(data)
            found.extend(_reply_pieces(data) if document is None else _reply_object(document))
        elif looked == 0 and named == b"endpoint" and b"ession" in data[:200]:
            found.append(Signal("mcp-endpoint", 45, "mcp"))  # the oldest generation's stream begins so
        looked += 1
        if looked >= _DATA_LINES or any(signal.weight >= _ENOUGH for signal in found):
            break
    return found


def _lines(text: bytes) -> Iterable[bytes]:
    """As far as they are asked for; ends of lines as ``\\n``, ``\\r\\n`` or ``\\r``."""
    at = 0
    by = b"\n" if b"\n" in text else b"\r"
    while at < len(text):
        end = text.find(by, at)
        end = len(text) if end < 0 else end
        yield text[at:end]
        at = end + 1


def _reply_pieces(text: bytes) -> list[Signal]:
    return [signal for key, pattern, signal in _PIECES if key in text and after_key(text, key, pattern)]
