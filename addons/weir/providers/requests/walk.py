"""Every text of a request body, whatever member it hides in.

Rules name only the role of a text and whether it may be edited, never whether it is read: a string no rule knows is
still handed on, as a `parameter`. Encoded media are handed on as attachments. Left out are plain words in places that
hold nothing else: member names, types and the like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from weir.model import Attachment, Segment
from weir.providers.requests.media import (
    ADDRESSES,
    DOCUMENTS,
    HIDDEN,
    SEALED,
    encoded,
    is_seal,
    may_be_data,
    points_elsewhere,
    remote,
)
from weir.providers.wire.jsondoc import Written
from weir.providers.wire.pointers import Node, Room
from weir.providers.wire.values import Json, JsonObject, token
from weir.providers.wire.words import SHORT, is_plain_word

__all__ = ["KEY_SUFFIX", "REST", "Walk"]

# A pointer that ends so leads to a text that is read, never edited: an id, the model, a seal, a
# member's name (before the mark stand the object's pointer and the member's place, so the pointer repeats no name).
KEY_SUFFIX: Final = "#key"
# All texts of a document that holds more of them than are kept one by one.
REST: Final = "#rest" + KEY_SUFFIX

_ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
    # as Cohere writes them
    "SYSTEM": "system",
    "USER": "user",
    "CHATBOT": "assistant",
    "TOOL": "tool",
}
_FIXED_CHARS_MAX: Final = 80
_MODEL_CHARS_MAX: Final = 256
_NUMBER_MIN: Final = 100_000_000  # nine digits: what smaller numbers hold is no card, account or phone number
_DOUBLE_DIGITS: Final = 17  # no number that was computed is written with more
_ENUM = re.compile(r"[A-Za-z][A-Za-z_./+-]{0,47}(?:\d{1,8})?")
_ID = re.compile(
    r"(?:call|toolu|tooluse|srvtoolu|mcptoolu|fc|ctc|msg|rs|resp|item|ws|mcp|ci|chatcmpl)_[A-Za-z0-9_-]{1,64}|[A-Za-z0-9]{1,10}"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
)
# fmt: off
_ENUMS: Final = frozenset({
    "type", "role", "object", "status", "detail", "format", "media_type", "mime_type", "mimeType", "effort",
    "tool_choice", "service_tier", "truncation", "ttl", "mode", "reasoning_effort", "verbosity", "encoding_format",
    "category", "threshold", "taskType", "responseMimeType", "responseModalities", "modalities", "include", "voice",
    "required", "summary", "phase", "quality", "size", "background", "retention", "prompt_cache_retention",
    "finish_reason", "stop_reason", "thinking_level", "thinkingLevel", "display", "syntax",
})
_IDS: Final = frozenset({
    "id", "tool_call_id", "call_id", "tool_use_id", "toolUseId", "item_id", "response_id", "approval_request_id",
})
# fmt: on
# Strings in all other members are texts and nothing else.
_SPECIAL: Final = _ENUMS | _IDS | ADDRESSES | SEALED | HIDDEN.keys() | {"model", "$schema"}
_SCHEMA = re.compile(r"https?://json-schema\.org/(?:draft-\d\d|draft/20\d\d-\d\d)/schema#?")


class _Open:
    """A container whose children are being read."""

    __slots__ = ("children", "name", "node", "object", "outer", "role", "roles")

    def __init__(self, node: Node, children: Iterator[tuple[str | int, Json]], role: str, name: str) -> None:
        self.node = node
        self.children = children
        self.role = role
        self.name = name  # of the member that its strings stand in, when it is an array
        self.outer = name  # of the member that it stands in itself
        self.object: JsonObject | None = None
        self.roles: Mapping[str, str] = {}


class Walk:
    """Collects segments in document order.

    ``sections`` gives roles to top-level members, ``types`` to objects by their type, ``members`` to members anywhere.
    """

    def __init__(self, sections: Mapping[str, str], types: Mapping[str, str], members: Mapping[str, str]) -> None:
        self.segments: list[Segment] = []
        self.attachments: list[Attachment] = []  # whoever takes the segments has to read these, or say that nobody did
        self.reasons: list[str] = []
        self._sections = sections
        self._types = types
        self._members = members
        self._room = Room()
        self._rest: list[str] = []
        self._names: set[str] = set()
        self._fixed: set[str] = set()

    def partial(self, reason: str) -> None:
        """Note why something of the body stays unseen."""
        if reason and reason not in self.reasons:
            self.reasons.append(reason)

    def take(self, document: JsonObject | list[Json], pointer: str = "", role: str = "parameter") -> None:
        """Read a whole body, or a document at ``pointer`` of one. Never recurses; its size bounds work and memory."""
        root = Node(None, pointer)
        if isinstance(document, dict):
            stack = [self._object(root, document, role, "", self._sections)]
        else:
            stack = [_Open(root, iter(enumerate(document)), role, "")]
        while stack:
            top = stack[-1]
            for step, child in top.children:
                # The kinds that JSON is read as, exactly: this loop is most of the work.
                if type(child) is str:
                    if child:
                        self._text(top, step, child)
                elif type(child) is dict or type(child) is list:
                    if child:
                        stack.append(self._open(top, step, child))
                        break
                elif type(child) is int:
                    if not -_NUMBER_MIN < child < _NUMBER_MIN:
                        self._add(top.node, _piece(step), top.role, str(child))
                elif type(child) is Written:
                    self._number(top, step, child)
            else:
                stack.pop()
        if self._rest:
            self.segments.append(Segment(REST, "parameter", "\n".join(self._rest)))
            self._rest = []

    # ── containers

    def _open(self, top: _Open, step: str | int, child: JsonObject | list[Json]) -> _Open:
        if isinstance(step, str):
            node, role, name = Node(top.node, f"/{token(step)}"), top.roles.get(step, top.role), step
        else:
            node, role, name = Node(top.node, f"/{step}"), top.role, top.name
        if type(child) is dict:
            return self._object(node, child, role, name, self._members)
        return _Open(node, iter(enumerate(child)), role, name)

    def _object(self, node: Node, item: JsonObject, role: str, name: str, roles: Mapping[str, str]) -> _Open:
        if role != "tool_definition":
            role = self._role(item, role)
            if name in HIDDEN:
                self.partial(HIDDEN[name])
        self.partial(points_elsewhere(item, name))
        names = self._names
        for place, key in enumerate(item):
            if key not in names:
                names.add(key)
                if len(key) >= SHORT and not is_plain_word(key):
                    self._add(node, str(place), "parameter", key, fixed=True)
        opened = _Open(node, iter(item.items()), role, name)
        opened.object = item
        opened.roles = roles
        return opened

    def _role(self, item: JsonObject, role: str) -> str:
        kind = item.get("type")
        if isinstance(kind, str) and kind in self._types:
            return self._types[kind]
        stated = item.get("role")
        return _ROLES.get(stated, role) if isinstance(stated, str) else role

    # ── values

    def _text(self, top: _Open, step: str | int, text: str) -> None:
        if isinstance(step, str):
            name, role = step, top.roles.get(step, top.role)
        else:
            name, role = top.name, top.role
        if name not in _SPECIAL and not text.startswith(DOCUMENTS) and not may_be_data(text):
            self._add(top.node, _piece(step), role, text)
            return
        if name in HIDDEN and role != "tool_definition":
            self.partial(HIDDEN[name])
        if name == "model" and top.object is not None and not top.outer and _is_name(text):
            self._once(top.node, name, text)
        elif _is_fixed(name, text) or is_seal(name, text, top.object):
            self._once(top.node, _piece(step), text)
        else:
            found = encoded(name, text, top.object, top.outer)
            if found is None:
                self.partial(remote(name, text))
                if name != "$schema" or not _SCHEMA.fullmatch(text):
                    self._add(top.node, _piece(step), role, text)
                return
            self.partial(found.reason)
            if found.readable:
                self._add(top.node, _piece(step), role, text)
            if found.data:
                place = f"{top.node.whole(self._room) or ''}/{_piece(step)}"
                self.attachments.append(Attachment(place, found.data, found.name, found.media_type, role))

    def _once(self, node: Node, piece: str, text: str) -> None:
        if len(text) >= SHORT and text not in self._fixed and not is_plain_word(text):
            self._fixed.add(text)
            self._add(node, piece, "parameter", text, fixed=True)

    def _number(self, top: _Open, step: str | int, number: Written) -> None:
        mantissa, exponent, _ = number.written.lower().partition("e")
        before, _, after = mantissa.lstrip("-").partition(".")
        long = abs(number) >= _NUMBER_MIN or len((before + after.rstrip("0")).lstrip("0")) > _DOUBLE_DIGITS
        if exponent:
            # Written out: the digits may be the same as those of an account, moved by a power of ten.
            if long or len(before) >= 9:
                plain = f" {number:.0f}" if abs(number) < 1e25 else ""
                self._add(top.node, _piece(step), "parameter", mantissa + plain, fixed=True)
        elif long:
            self._add(top.node, _piece(step), top.role, number.written)

    def _add(self, node: Node, piece: str, role: str, text: str, *, fixed: bool = False) -> None:
        before = node.whole(self._room)
        if before is None or not self._room.take(len(before) + len(piece), 1):
            if len(text) >= SHORT:
                self._rest.append(text)
            return
        self.segments.append(Segment(f"{before}/{piece}{KEY_SUFFIX if fixed else ''}", role, text))


def _is_name(text: str) -> bool:
    """True when ``text`` is one word and not too long: what may stand as a model's name."""
    return 0 < len(text) <= _MODEL_CHARS_MAX and not any(c.isspace() for c in text)


def _piece(step: str | int) -> str:
    return token(step) if isinstance(step, str) else str(step)


def _is_fixed(name: str, text: str) -> bool:
    if len(text) > _FIXED_CHARS_MAX:
        return False
    if name in _ENUMS:
        return _ENUM.fullmatch(text) is not None
    return name in _IDS and _ID.fullmatch(text) is not None
