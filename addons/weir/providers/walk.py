"""Every text of a request body, whatever member it hides in.

Rules name only the role of a text, never whether it is read: a string no rule knows is still handed on, as a
`parameter`. Left out are encoded media (the exchange is `partial` then), the provider's own seals, and values that
can't be prose: short enum words in members known to hold them, ids of known shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from weir.model import Segment
from weir.providers.media import HIDDEN, is_opaque, opaque_members, uri_reason
from weir.providers.values import Json, JsonObject, token

__all__ = ["KEY_SUFFIX", "Walk", "is_model_name"]

# A pointer that ends so leads to a member's name: read, never edited. What stands before it is the object's pointer
# and the member's place in it, so that the pointer does not repeat the name.
KEY_SUFFIX: Final = "#key"

_ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
_MODEL_CHARS_MAX: Final = 256
_KEY_LENGTH_MIN: Final = 12
_NUMBER_MIN: Final = 100_000_000  # nine digits: what smaller numbers hold is no card, account or phone number
_NUMBERS_KEPT: Final = frozenset({"seed", "created", "created_at", "budget_tokens"})
# Words of letters only: no credential, address or number is spelt so.
_WORDS = re.compile(r"\$?[A-Za-z]{1,24}(?:[_.-][A-Za-z]{1,24}){0,5}")
_ENUM = re.compile(r"[A-Za-z][A-Za-z_./+-]{0,47}(?:\d{1,8})?")
_ID = re.compile(
    r"(?:call|toolu|srvtoolu|mcptoolu|fc|ctc|msg|rs|resp|item|ws|mcp|ci|chatcmpl)_[A-Za-z0-9_-]{1,64}|[A-Za-z0-9]{1,10}"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
)
_ENUMS: Final = frozenset(
    {
        "type",
        "role",
        "object",
        "status",
        "detail",
        "format",
        "media_type",
        "mime_type",
        "mimeType",
        "effort",
        "tool_choice",
        "service_tier",
        "truncation",
        "ttl",
        "mode",
        "reasoning_effort",
        "verbosity",
        "encoding_format",
        "category",
        "threshold",
        "taskType",
        "responseMimeType",
        "responseModalities",
        "modalities",
        "include",
        "voice",
        "required",
        "summary",
        "phase",
        "quality",
        "size",
        "background",
        "retention",
        "prompt_cache_retention",
        "finish_reason",
        "stop_reason",
        "thinking_level",
        "thinkingLevel",
        "display",
        "syntax",
    }
)
_IDS: Final = frozenset(
    {"id", "tool_call_id", "call_id", "tool_use_id", "item_id", "response_id", "approval_request_id"}
)
_SCHEMA = re.compile(r"https?://json-schema\.org/[A-Za-z0-9/.-]{1,40}#?")


class Walk:
    """Collects segments in document order.

    ``sections`` gives roles to top-level members, ``types`` to objects by their type, ``members`` to members anywhere.
    """

    def __init__(self, sections: Mapping[str, str], types: Mapping[str, str], members: Mapping[str, str]) -> None:
        self.segments: list[Segment] = []
        self.reasons: list[str] = []
        self._sections = sections
        self._types = types
        self._members = members

    def partial(self, reason: str) -> None:
        """Note why something of the body stays unseen."""
        if reason and reason not in self.reasons:
            self.reasons.append(reason)

    def take(self, document: JsonObject) -> None:
        """Read a whole body. Never recurses."""
        stack: list[tuple[str, Json, str, str]] = [("", document, "parameter", "")]
        while stack:
            at, item, role, name = stack.pop()
            if isinstance(item, str):
                self._text(at, item, role, name)
            elif isinstance(item, dict):
                stack.extend(self._object(at, item, role, name))
            elif isinstance(item, list):
                stack.extend(
                    (f"{at}/{place}", child, role, name)
                    for place, child in reversed(list(enumerate(item)))
                    if child.__class__ is not float
                )
            elif isinstance(item, int) and abs(item) >= _NUMBER_MIN and name not in _NUMBERS_KEPT:
                self.segments.append(Segment(at, role, str(item)))

    def _text(self, at: str, text: str, role: str, name: str) -> None:
        if name in HIDDEN and text and role != "tool_definition":
            self.partial(HIDDEN[name])
        if at == "/model" and is_model_name(text):
            return
        if not text or _is_word(name, text) or is_opaque(name, text):
            return
        reason, readable = uri_reason(name, text)
        self.partial(reason)
        if readable:
            self.segments.append(Segment(at, role, text))

    def _object(self, at: str, item: JsonObject, role: str, name: str) -> list[tuple[str, Json, str, str]]:
        if role != "tool_definition":
            role = self._role(item, role)
            self.partial(HIDDEN.get(name, ""))
        media, reason = opaque_members(item, name)
        self.partial(reason)
        for why in media.values():
            self.partial(why)
        below: list[tuple[str, Json, str, str]] = []
        roles = self._members if at else self._sections
        for place, (key, child) in enumerate(item.items()):
            if len(key) >= _KEY_LENGTH_MIN and not _WORDS.fullmatch(key):
                self.segments.append(Segment(f"{at}/{place}{KEY_SUFFIX}", "parameter", key))
            if key not in media:
                below.append((f"{at}/{token(key)}", child, roles.get(key, role), key))
        below.reverse()
        return below

    def _role(self, item: JsonObject, role: str) -> str:
        kind = item.get("type")
        if isinstance(kind, str) and kind in self._types:
            return self._types[kind]
        stated = item.get("role")
        return _ROLES.get(stated, role) if isinstance(stated, str) else role


def is_model_name(text: str) -> bool:
    """True when ``text`` can only be a model's name: one word, not too long."""
    return 0 < len(text) <= _MODEL_CHARS_MAX and not any(c.isspace() for c in text)


def _is_word(name: str, text: str) -> bool:
    if len(text) > 80:
        return False
    if name in _ENUMS:
        return _ENUM.fullmatch(text) is not None
    if name in _IDS:
        return _ID.fullmatch(text) is not None
    return name == "$schema" and _SCHEMA.fullmatch(text) is not None
