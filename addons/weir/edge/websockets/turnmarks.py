"""Where turns of a WebSocket begin and end: the messages that say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weir.model import Unparsed
from weir.providers.wire.jsondoc import loads

__all__ = ["begins", "begun", "ends", "hears"]

_BEGINS = (b"response.create", b"lientContent", b"client_content")
# What a server may answer by itself, when it has heard or been told enough.
_HEARS = ("realtimeInput", "realtime_input", "toolResponse", "tool_response")
_SOUND = "input_audio_buffer.append"
_ENDS = (b"response.", b"erverContent", b"server_content", b'"error"')
_DONE = frozenset({"response.done", "response.completed", "response.incomplete"})
_BROKEN = frozenset({"response.failed", "response.cancelled", "error"})
_ESCAPE = b"\\u"  # any name may be written with escapes
_HEAD_BYTES = 4096
_UNREADABLE: Mapping[str, Any] = {"type": ""}  # two servers may read it differently: one of them may answer


def _document(content: bytes, marks: tuple[bytes, ...]) -> Mapping[str, Any]:
    if not any(mark in content for mark in marks):
        return {}
    try:
        document = loads(content)
    except Unparsed:
        return _UNREADABLE
    return document if isinstance(document, dict) else {}


def begins(content: bytes, *, warms_up: bool = True) -> Mapping[str, Any]:
    """The message of a client that makes the model answer, as a document; empty for any other. ``warms_up``: this
    format has requests that generate nothing."""
    document = _document(content, (*_BEGINS, _ESCAPE))
    if document is _UNREADABLE:
        return document if content.lstrip()[:1] == b"{" else {}
    if document.get("type") == "response.create":
        return document if document.get("generate") is not False or not warms_up else {}
    turn = document.get("clientContent", document.get("client_content"))
    complete = isinstance(turn, dict) and (turn.get("turnComplete") or turn.get("turn_complete"))
    return document if complete else {}


def hears(content: bytes) -> bool:
    """Whether the server may answer this message of a client by itself: sound, above all."""
    if _ESCAPE in content:
        document = _document(content, (_ESCAPE,))
        return document.get("type") == _SOUND or any(name in document for name in _HEARS)
    return any(f'"{name}"'.encode() in content for name in (_SOUND, *_HEARS))


def begun(content: bytes) -> bool:
    """Whether the server says that it has begun to answer."""
    return b'"response.created"' in content[:_HEAD_BYTES] or b'"serverContent"' in content[:_HEAD_BYTES]


def ends(content: bytes) -> str:
    """``done`` for the server's message that ends an answer, ``broken`` for one that says there is none, ``over`` for
    one that ends it and may leave its usage to a message that follows; else empty."""
    document = _document(content, _ENDS)
    kind = document.get("type")
    if isinstance(kind, str):
        return "done" if kind in _DONE else "broken" if kind in _BROKEN else ""
    said = document.get("serverContent", document.get("server_content"))
    complete = isinstance(said, dict) and (said.get("turnComplete") or said.get("turn_complete"))
    return "over" if complete else ""
