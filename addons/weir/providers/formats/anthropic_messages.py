"""Anthropic messages and token counting."""

from __future__ import annotations

from typing import ClassVar, Final

from weir.model import Exchange, Usage
from weir.providers.formats.base import BaseDialect, compact
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text, skeleton

__all__ = ["AnthropicMessages"]

_ON_THE_WAY: Final = frozenset({"index", "type"})
_COUNTS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)
_ERRORS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}
# What has a price of its own: theirs → ours.
_PARTS: Final = (("ephemeral_1h_input_tokens", "cache_write_1h_tokens"), ("web_search_requests", "web_searches"))
_TIERS: Final = {"priority": "priority", "batch": "batch", "standard": ""}
_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_NO_TEXT: Final = frozenset({"type", "id", "name", "signature", "data", "encrypted_content", "tool_use_id", "model"})


class AnthropicMessages(BaseDialect):
    """``/v1/messages`` and ``/v1/messages/count_tokens``."""

    id = "anthropic_messages"
    sections: ClassVar = {"system": "system", "messages": "user", "tools": "tool_definition"}
    types: ClassVar = {
        "tool_use": "assistant",
        "server_tool_use": "assistant",
        "mcp_tool_use": "assistant",
        "tool_result": "tool",
        "mcp_tool_result": "tool",
        "web_search_tool_result": "tool",
        "web_fetch_tool_result": "tool",
        "code_execution_tool_result": "tool",
        "bash_code_execution_tool_result": "tool",
        "text_editor_code_execution_tool_result": "tool",
    }
    scalars: ClassVar = {
        "max_tokens": "max_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "stream": "stream",
        "service_tier": "service_tier",
        "speed": "speed",
    }

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _MessageEvents()

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Anthropic's error body."""
        kind = _ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return compact({"type": "error", "error": {"type": kind, "message": self.say(message, rule_id)}})

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The ``error`` event."""
        return b"\n\n" + event_bytes(self.refusal(403, message, rule_id), "error")


class _MessageEvents:
    steady = True  # see runs.py
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._tier = ""

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "type") or name
        if kind == "content_block_delta":
            return _delta(doc)
        if kind == "content_block_stop":
            return Step(ends=(f"{_block(doc)}.",))
        if kind == "content_block_start":
            _call(get_object(doc, "content_block"), notes, str(_block(doc)))
            return Step(wholes=(("", doc),))
        if kind == "message_start":
            message = get_object(doc, "message")
            notes.name(model=get_text(message, "model"), response_id=get_text(message, "id"))
            self._usage(message.get("usage"), notes)
        elif kind == "message_delta":
            notes.name(finish_reason=get_text(get_object(doc, "delta"), "stop_reason"))
            self._usage(doc.get("usage"), notes)
            return Step(ends=("",), wholes=(("", doc),))
        elif kind == "message_stop":
            notes.complete = True
            return Step(ends=("",))
        elif kind == "error":
            notes.name(finish_reason="error")
            return Step(ends=("",), wholes=(("", doc),))
        return NO_STEP

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id"))
        notes.name(finish_reason="error" if doc.get("error") else get_text(doc, "stop_reason"))
        self._usage(doc.get("usage"), notes)
        for at, block in notes.each(get_list(doc, "content")):
            _call(block, notes, str(at))
            if get_text(block, "type") in _CALLS:
                notes.argue(str(at), get_object(block, "input"))
                continue
            for text in texts_in(block, "", "", _NO_TEXT, notes.room):
                notes.keep(text.text)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc

    def _usage(self, usage: Json, notes: Notes) -> None:
        """Later counts replace earlier ones: they are cumulative, and those left out still hold."""
        if not isinstance(usage, dict):
            return
        for name in _COUNTS:
            if isinstance(usage.get(name), int):
                self._counts[name] = get_count(usage, name)
        details = get_object(usage, "output_tokens_details")
        if details:
            self._counts["thinking"] = get_count(details, "thinking_tokens")
        for kind, name in (("cache_creation", "ephemeral_1h_input_tokens"), ("server_tool_use", "web_search_requests")):
            if isinstance(get_object(usage, kind).get(name), int):
                self._counts[name] = get_count(get_object(usage, kind), name)
        fast = "fast" if get_text(usage, "speed") == "fast" else ""
        self._tier = fast or _TIERS.get(get_text(usage, "service_tier"), self._tier)
        if not self._counts:
            return
        read = self._counts.get("cache_read_input_tokens", 0)
        written = self._counts.get("cache_creation_input_tokens", 0)
        notes.usage = Usage(
            # Anthropic's own input count leaves out what went through the cache.
            input_tokens=self._counts.get("input_tokens", 0) + read + written,
            output_tokens=self._counts.get("output_tokens", 0),
            cache_read_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=self._counts.get("thinking", 0),
            source="reported",
            parts=tuple((ours, count) for name, ours in _PARTS if (count := self._counts.get(name, 0))),
            tier=self._tier,
        )


def _block(doc: JsonObject) -> int:
    index = doc.get("index")
    return index if isinstance(index, int) else 0


def _delta(doc: JsonObject) -> Step:
    delta = get_object(doc, "delta")
    if "citation" in delta:
        return Step(wholes=(("/delta/citation", delta["citation"]),))
    at, calls = _block(doc), "partial_json"
    places = [
        Place(f"/delta/{key}", f"{at}.{key}", value, key == calls, call=str(at) if key == calls else "")
        for key, value in delta.items()
        if key in ("text", "thinking", "partial_json", "content") and isinstance(value, str) and value
    ]
    return Step(places)


def _call(block: Json, notes: Notes, key: str) -> None:
    if get_text(block, "type") in _CALLS:
        notes.call(key, get_text(block, "id"), get_text(block, "name"))
