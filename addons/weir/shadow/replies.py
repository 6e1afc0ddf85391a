"""What a reply's shape says: JSON, JSON lines, server-sent events, event frames or model weights. Never its content."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from weir.shadow.shapes import Signal, after_key, load_json, rpc_shape

__all__ = ["response_shape"]

_OBJECTS = {
    "chat.completion": "llm",
    "chat.completion.chunk": "llm",
    "text_completion": "llm",
    "response": "llm",
    "embedding": "embeddings",
}
_EVENTS = re.compile(
    r"(message_start|content_block_\w+|response\.(created|in_progress|output_\w+\.\w+)|content-delta)\Z"
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
        "object",
        50,
    ),
    (b'"id"', re.compile(rb'\s*:\s*"(?:chatcmpl|cmpl)-'), "id", 40),
    (b'"candidates"', re.compile(rb'\s*:\s*\[\s*\{\s*"(?:content|finishReason)"\s*:'), "candidates", 50),
    (b'"type"', re.compile(rb'\s*:\s*"message"\s*,\s*"role"\s*:\s*"assistant"'), "message", 45),
    (b'"delta"', re.compile(rb'\s*:\s*\{\s*(?:"role"\s*:\s*"assistant"|"content"\s*:)'), "choices", 40),
)
_FRAME_EVENT = re.compile(rb":event-type\x07\x00.(contentBlock|messageSt|assistantResponse|chunk)", re.S)
_DATA_LINES = 6


def response_shape(start: bytes) -> list[Signal]:
    """Signs in the beginning of a decoded reply (at most 64 KiB), be it JSON, JSON lines, SSE, frames or weights."""
    if start[:4] == b"GGUF":
        return [Signal("gguf", 45, "weights")]
    if start[8:9] == b"{" and start[6:8] == b"\x00\x00" and b'"dtype"' in start[:4096]:
        return [Signal("safetensors", 45, "weights")]
    if start.startswith(b"Ollama is running"):
        return [Signal("ollama", 50, "llm")]
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"{", b"["):
        document = load_json(text)
        if document is None and text[:1] == b"{":
            document = load_json(text.partition(b"\n")[0])  # JSON lines
        return _reply_pieces(text) if document is None else _reply_object(document)
    if text.startswith((b"data:", b"event:", b"id:", b":", b"retry:")):
        return _events(text)
    if _FRAME_EVENT.search(start[:4096]):
        return [Signal("event-frames", 45, "llm")]
    return []


def _reply_object(document: Any) -> list[Signal]:
    if isinstance(document, list):
        document = document[0] if document else None
        if isinstance(document, dict) and isinstance(document.get("generated_text"), str):
            return [Signal("generated-text", 40, "llm")]
        if not isinstance(document, dict) or "candidates" not in document:
            return []
    if not isinstance(document, dict):
        return []
    inner = document.get("response")
    if isinstance(inner, dict) and ("candidates" in inner or "usage" in inner):
        document = {**inner, "type": document.get("type")}
    if "jsonrpc" in document:
        return _rpc_reply(document) or rpc_shape(document)
    return list(_reply_signs(document))


def _reply_signs(document: dict[str, Any]) -> Iterable[Signal]:
    kind = document.get("object")
    if isinstance(kind, str) and kind in _OBJECTS:
        yield Signal("object", 50, _OBJECTS[kind])
    elif kind == "list" and (item := _first(document.get("data"))) is not None:
        if item.get("object") == "embedding":
            yield Signal("object", 50, "embeddings")
        elif item.get("object") == "model" and "owned_by" in item:
            yield Signal("model-list", 35, "llm")
    identity, type_ = document.get("id"), document.get("type")
    if isinstance(identity, str) and identity.startswith(("chatcmpl-", "cmpl-")):
        yield Signal("id", 40, "llm")
    if type_ == "message" and document.get("role") == "assistant" and "stop_reason" in document:
        yield Signal("message", 45, "llm")
    elif isinstance(type_, str) and _EVENTS.match(type_):
        yield Signal("event", 45, "llm")
    if _first(document.get("candidates")) is not None and ("usageMetadata" in document or "modelVersion" in document):
        yield Signal("candidates", 50, "llm")
    choice = _first(document.get("choices"))
    if choice is not None and isinstance(choice.get("delta", choice.get("message")), dict):
        yield Signal("choices", 40, "llm")
    for field in ("usage", "usageMetadata"):
        usage = document.get(field)
        if isinstance(usage, dict) and any(a in usage and b in usage for a, b in _USAGE):
            yield Signal("usage", 30, "llm")
    if isinstance(document.get("done"), bool) and "model" in document and "created_at" in document:
        yield Signal("ollama-reply", 45, "llm")
    output = document.get("output")
    if "stopReason" in document and isinstance(output, dict) and "message" in output:
        yield Signal("converse", 45, "llm")
    if isinstance(document.get("skills"), list) and "protocolVersion" in document and "capabilities" in document:
        yield Signal("agent-card", 40, "a2a")


def _first(value: Any) -> dict[str, Any] | None:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def _rpc_reply(document: dict[str, Any]) -> list[Signal]:
    result = document.get("result")
    if not isinstance(result, dict):
        return []
    if "protocolVersion" in result and ("serverInfo" in result or "capabilities" in result):
        return [Signal("mcp-result", 45, "mcp")]
    tool = _first(result.get("tools"))
    return [Signal("mcp-result", 45, "mcp")] if tool and "inputSchema" in tool else []


def _events(text: bytes) -> list[Signal]:
    found: list[Signal] = []
    looked = 0
    for line in text[:16_384].splitlines():
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            found.append(Signal("done-mark", 15, "llm"))
        elif data[:1] in (b"{", b"["):
            document = load_json(data)
            found.extend(_reply_pieces(data) if document is None else _reply_object(document))
        looked += 1
        if looked >= _DATA_LINES:
            break
    return found


def _reply_pieces(text: bytes) -> list[Signal]:
    return [Signal(sign, weight, "llm") for key, pattern, sign, weight in _PIECES if after_key(text, key, pattern)]
