"""What all provider doubles share: a request as they read it, a reply as they give it, and how they make one up.

Replies are a function of the request alone, so that a test can foretell every byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "CREATED",
    "Answer",
    "Ask",
    "bearer",
    "dumps",
    "echo",
    "event",
    "ident",
    "json_value",
    "message",
    "pieces",
    "text_of",
    "tokens",
    "tool_arguments",
    "tool_called",
    "vector",
]

CREATED = 1_760_000_000  # every reply's own time, in seconds: a clock would make replies differ between runs
_ECHO_CHARS_MAX = 2_000
_GREETING = "You said: "


@dataclass(frozen=True)
class Ask:
    """A request to a double. ``options`` are the behaviours asked for, e.g. ``{"pieces": "3"}``."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = field(default=b"", repr=False)
    options: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises ValueError when it is none."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        return value

    def number(self, option: str, otherwise: int) -> int:
        """A behaviour's number, bounded to what a test can want."""
        value = self.options.get(option, "")
        return min(int(value), 20_000_000) if value.isdigit() else otherwise


@dataclass(frozen=True)
class Answer:
    """A reply: one body, or ``events`` sent one after the other."""

    status: int
    content_type: str = "application/json"
    body: bytes = field(default=b"", repr=False)
    events: tuple[bytes, ...] | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def parts(self) -> tuple[bytes, ...]:
        """What is written in turn, for a stream and a plain reply alike."""
        return (self.body,) if self.events is None else self.events


def dumps(value: object) -> bytes:
    """JSON as providers write it: compact, text unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def message(status: int, value: object, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A plain JSON reply."""
    return Answer(status, body=dumps(value), headers=headers)


def event(value: object, name: str = "") -> bytes:
    """One server-sent event; ``name`` gives it an ``event:`` line."""
    head = f"event: {name}\n" if name else ""
    return head.encode() + b"data: " + dumps(value) + b"\n\n"


def ident(prefix: str, ask: Ask, salt: str = "") -> str:
    """An id that depends on the request only, e.g. ``chatcmpl-…``."""
    return prefix + hashlib.sha256(ask.path.encode() + ask.body + salt.encode()).hexdigest()[:24]


def text_of(content: object) -> str:
    """The text of a message's content: a string, or a list of parts that have a ``text``, joined by newlines."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = [
        part if isinstance(part, str) else part.get("text", "") for part in content if isinstance(part, str | dict)
    ]
    return "\n".join(part for part in parts if isinstance(part, str) and part)


def echo(ask: Ask, said: str) -> str:
    """The double's words: what the user said last, so that an edit on the way up comes back down.

    Behaviours: ``say=TEXT`` says that instead, ``size=N`` pads to N characters.
    """
    words = ask.options.get("say") or _GREETING + said[-_ECHO_CHARS_MAX:]
    missing = ask.number("size", 0) - len(words)
    filler = " and so on"
    return words if missing <= 0 else words + (filler * (missing // len(filler) + 1))[:missing]


def pieces(ask: Ask, text: str) -> list[str]:
    """``text`` in stream-sized pieces (behaviour ``pieces=N``, 5 characters otherwise): small, to split pseudonyms."""
    size = max(1, ask.number("pieces", 5))
    return [text[start : start + size] for start in range(0, len(text), size)]


def tokens(text: str) -> int:
    """A token count that a test can foretell: one for each four characters begun."""
    return -(-len(text) // 4)


def bearer(ask: Ask) -> str:
    """The key in ``Authorization: Bearer``, "" when there is none."""
    scheme, _, value = ask.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def tool_called(ask: Ask, names: Sequence[object]) -> int | None:
    """Which of the tools on offer the reply calls: the first, or as told by ``tool=NAME``; None (``tool``) for none."""
    wanted = ask.options.get("tool")
    if wanted is None:
        return 0 if names else None
    return names.index(wanted) if wanted in names else None


def tool_arguments(ask: Ask, schema: object, text: str) -> str:
    """Arguments for a tool call as JSON text: ``text`` under the schema's first string property, else ``text``.

    Behaviour: ``arguments=JSON`` gives these instead.
    """
    if given := ask.options.get("arguments", ""):
        return given
    name = "text"
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for key, value in properties.items() if isinstance(properties, dict) else ():
        if isinstance(value, dict) and str(value.get("type", "")).lower() == "string":
            name = key
            break
    return json.dumps({name: text}, ensure_ascii=False)


def json_value(schema: object, text: str) -> object:
    """A value that a JSON schema describes, with ``text`` where a free string goes: for replies that must be JSON."""
    if not isinstance(schema, dict):
        return text
    kind = str(schema.get("type", "")).lower()
    if schema.get("enum"):
        return schema["enum"][0]
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties")
        return {name: json_value(one, text) for name, one in (properties or {}).items()}
    if kind == "array":
        return [json_value(schema.get("items"), text)]
    if kind in ("number", "integer"):
        return schema.get("minimum", 1)
    return False if kind == "boolean" else text


def vector(text: str, size: int = 8) -> list[float]:
    """An embedding that depends on the text only; its numbers fit a 32-bit float exactly."""
    return [byte / 256 for byte in hashlib.sha256(text.encode()).digest()[:size]]
