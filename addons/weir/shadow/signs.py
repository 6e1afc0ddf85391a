"""What a sign is, and how the beginning of a body is read for signs: as JSON when short, by its pieces when not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

__all__ = ["KINDS", "Signal", "after_key", "first", "load_json"]

# What an exchange is for, the narrower before the wider: of two kinds with signs as strong, the earlier one counts.
KINDS = (
    *("weights", "mcp", "a2a", "embeddings", "audio", "image", "video", "local-server", "agent"),
    *("chat", "ai"),
)

_WHOLE = 16_384  # bytes read as JSON: more of it takes too long in the middle of a request
# For bodies too long to be read whole: what may follow a key, in a window of fixed size.
_WINDOW = 400
_LOOKS = 4  # places a key is looked at, counted from either end of the body


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign: its name, its points, and the kind of AI traffic (one of KINDS) that it stands for."""

    id: str
    weight: int
    kind: str


def load_json(data: bytes) -> Any:
    """The document; None when it isn't JSON, is cut off or is long, and its pieces are looked at instead."""
    if len(data) > _WHOLE:
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def first(value: Any) -> dict[str, Any] | None:
    """A list's first object; None when there is none."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def after_key(body: bytes, key: bytes, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """What follows a quoted ``key``, where it is ``pattern``. Looks at a few places near either end of ``body``."""
    begin = body.find(key)
    if begin < 0:
        return None
    for step in (1, -1):
        at = begin if step > 0 else body.rfind(key)
        for _ in range(_LOOKS):
            if at < 0:
                break
            # A quote after a backslash belongs to a string that quotes JSON.
            if body[at - 1 : at] != b"\\" and (match := pattern.match(body[at + len(key) : at + _WINDOW])):
                return match
            at = body.find(key, at + 1) if step > 0 else body.rfind(key, 0, at)
    return None
