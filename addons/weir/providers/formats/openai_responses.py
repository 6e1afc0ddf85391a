"""OpenAI responses: items in, items out, and streams whose last events repeat all that went before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from weir.model import Exchange
from weir.providers.formats.base import BaseDialect, compact
from weir.providers.formats.openai_chat import openai_usage, token_ids
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import Json, JsonObject, get_list, get_object, get_text

__all__ = ["OpenAIResponses", "note_call"]

_TEXT_MEMBERS: Final = frozenset(
    {
        "text",
        "refusal",
        "arguments",
        "input",
        "output",
        "code",
        "logs",
        "transcript",
        "query",
        "queries",
        "commands",
        "command",
    }
)
_NO_TEXT: Final = frozenset({"encrypted_content", "result", "annotations", "logprobs"})
_CALLS: Final = frozenset({"function_call", "custom_tool_call", "mcp_call"})
_CALLING: Final = ("arguments.delta", "custom_tool_call_input.delta")
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_ERRORS: Final = frozenset({"error", "response.failed"})


class OpenAIResponses(BaseDialect):
    """``/v1/responses`` with ``/compact`` and ``/input_tokens``."""

    id = "openai_responses"
    sections: ClassVar = {
        "instructions": "system",
        "input": "user",
        "prompt": "user",
        "tools": "tool_definition",
    }
    types: ClassVar = {
        "additional_tools": "tool_definition",
        "function_call": "assistant",
        "custom_tool_call": "assistant",
        "mcp_call": "assistant",
        "reasoning": "assistant",
        "web_search_call": "assistant",
        "file_search_call": "tool",
        "code_interpreter_call": "assistant",
        "computer_call": "assistant",
        "local_shell_call": "assistant",
        "shell_call": "assistant",
        "apply_patch_call": "assistant",
        "function_call_output": "tool",
        "custom_tool_call_output": "tool",
        "computer_call_output": "tool",
        "local_shell_call_output": "tool",
        "shell_call_output": "tool",
        "apply_patch_call_output": "tool",
    }
    scalars: ClassVar = {
        "max_output_tokens": "max_tokens",
        "max_tool_calls": "max_tool_calls",
        "temperature": "temperature",
        "top_p": "top_p",
        "stream": "stream",
        "store": "store",
        "background": "background",
        "parallel_tool_calls": "parallel_tool_calls",
        "service_tier": "service_tier",
    }

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """Stored prompts and referenced items are not in the body."""
        yield token_ids(document.get("input"))
        if get_object(document, "prompt").get("id"):
            yield "prompt kept by the provider"
        for item in get_list(document, "input"):
            if get_text(item, "type") == "item_reference":
                yield "earlier turns kept by the provider"

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Also those that come within the input, as Codex sends them: the tools of each namespace."""
        yield from super().tools(document)
        for item in get_list(document, "input"):
            if isinstance(item, dict) and get_text(item, "type") == "additional_tools":
                for space in get_list(item, "tools"):
                    inner = get_list(space, "tools")
                    yield from super().tools({"tools": inner or [space]})

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _ResponsesEvents()

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The ``error`` event; ``error`` inside it is what the SDK raises on."""
        error = self.error(403, message, rule_id)
        doc: JsonObject = {
            "type": "error",
            "code": error["code"],
            "message": error["message"],
            "param": None,
            "sequence_number": 0,
            "error": error,
        }
        return b"\n\n" + event_bytes(compact(doc), "error")


class _ResponsesEvents:
    steady = True  # see runs.py
    array = False
    # Not sent by OpenAI itself, but by some that speak its format.
    end_marks = frozenset({b"[DONE]"})

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "type") or name
        if kind.endswith(".delta"):
            return _delta(kind, doc)
        response = get_object(doc, "response")
        if response:
            self._response(response, notes, terminal=kind in _ENDS)
        item = get_object(doc, "item")
        if item:
            note_call(item, notes)
        if kind in _ERRORS:
            notes.name(finish_reason="error")
        if kind in _ENDS or kind == "error":
            notes.complete = notes.complete or kind in _ENDS
            return Step(ends=("",), wholes=(("", doc),))
        if not kind.endswith((".done", ".added", ".created", ".in_progress", ".queued")):
            return NO_STEP if "partial_image" in kind else Step(wholes=(("", doc),))
        return Step(ends=_ended(kind, doc), wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        if doc.get("error"):
            notes.name(finish_reason="error")
        if get_text(doc, "object") == "response.input_tokens":
            return
        self._response(doc, notes, terminal=True)
        notes.complete = get_text(doc, "status") not in ("queued", "in_progress")

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        kept: JsonObject = {k: v for k, v in doc.items() if k != "obfuscation" and not isinstance(v, dict | list)}
        if "logprobs" in doc:
            kept["logprobs"] = []
        return {**kept, "delta": text}

    @staticmethod
    def _response(response: JsonObject, notes: Notes, *, terminal: bool) -> None:
        notes.name(model=get_text(response, "model"), response_id=get_text(response, "id"))
        notes.usage = openai_usage(response.get("usage"), get_text(response, "service_tier")) or notes.usage
        if not terminal:
            return
        reason = get_text(get_object(response, "incomplete_details"), "reason")
        notes.name(finish_reason=reason or get_text(response, "status"))
        kept = notes.has_text
        for _, item in notes.each(get_list(response, "output")):
            note_call(item, notes)
            # A stream's deltas have said it already.
            if not kept:
                _keep(item, notes)


def _delta(kind: str, doc: JsonObject) -> Step:
    delta = doc.get("delta")
    if not isinstance(delta, str) or not delta or kind.endswith("audio.delta") or "image" in kind:
        return NO_STEP
    # What the user was heard to say is no text of the model's.
    kept = ".input_audio_transcription." not in kind
    call = get_text(doc, "item_id") if kind.endswith(_CALLING) else ""
    return Step((Place("/delta", _channel(kind, doc), delta, kind.endswith("arguments.delta"), kept, call),))


def _channel(kind: str, doc: JsonObject) -> str:
    part = doc.get("content_index", doc.get("summary_index", doc.get("command_index", 0)))
    place = part if isinstance(part, int) else 0
    return f"{_item(doc)}.{kind.removeprefix('response.').rpartition('.')[0]}.{place}."


def _item(doc: JsonObject) -> str:
    index = doc.get("output_index")
    return str(index) if isinstance(index, int) else get_text(doc, "item_id")[:128]


def _ended(kind: str, doc: JsonObject) -> tuple[str, ...]:
    if kind == "response.output_item.done":
        return (f"{_item(doc)}.",)
    return (_channel(kind, doc),) if kind.endswith(".done") else ()


def note_call(item: Json, notes: Notes) -> None:
    """Note the tool call that an item of a response is, if it is one."""
    kind = get_text(item, "type")
    if kind in _CALLS:
        call_id = get_text(item, "call_id") or get_text(item, "id")
        notes.call(get_text(item, "id") or call_id, call_id, get_text(item, "name"))


def _keep(item: Json, notes: Notes) -> None:
    calls = get_text(item, "type") in _CALLS
    for text in texts_in(item, "", "", _NO_TEXT, notes.room):
        if calls and text.pointer in ("/arguments", "/input"):
            notes.argue(get_text(item, "id") or get_text(item, "call_id"), text.text)
        elif text.name in _TEXT_MEMBERS:
            notes.keep(text.text)
