"""JSON values as Python has them, and total ways to read them: no shape a peer sends can make these raise."""

from __future__ import annotations

import json
from typing import Final

from weir.model import Unparsed

__all__ = [
    "COUNT_MAX",
    "Json",
    "JsonObject",
    "compact",
    "get_count",
    "get_list",
    "get_object",
    "get_text",
    "pointer_tokens",
    "skeleton",
    "token",
]

type Json = dict[str, Json] | list[Json] | str | int | float | bool | None
type JsonObject = dict[str, Json]

# A count above this is no count of one exchange but an attack on whoever adds it up.
COUNT_MAX: Final = 1 << 32


def compact(value: Json) -> bytes:
    """``value`` as JSON on one line."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()


def token(name: str) -> str:
    """A member name as a JSON pointer token (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


def pointer_tokens(pointer: str) -> list[str]:
    """The unescaped tokens of a JSON pointer; ``""`` is the whole document. Raises Unparsed when it is none."""
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise Unparsed("not a JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def get_object(value: Json, name: str) -> JsonObject:
    """The object at member ``name``; an empty one when there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def get_list(value: Json, name: str) -> list[Json]:
    """The array at member ``name``; an empty one when there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def get_text(value: Json, name: str) -> str:
    """The string at member ``name``; an empty one when there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def get_count(value: Json, *names: str) -> int:
    """The first whole number ≥ 0 among members ``names``; 0 when there is none."""
    if isinstance(value, dict):
        for name in names:
            found = value.get(name)
            if isinstance(found, float) and found.is_integer():
                found = int(found)
            if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= COUNT_MAX:
                return found
    return 0


def skeleton(value: Json, pointer: str, text: str, keep: frozenset[str]) -> Json:
    """``value`` cut down to the string at ``pointer``, which becomes ``text``.

    On the way there objects keep their scalar members named in ``keep`` and arrays only the element passed. The
    pointer must come from `texts.texts_in` over the same value.
    """
    below: list[tuple[Json, str]] = []
    for part in pointer_tokens(pointer):
        below.append((value, part))
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list):
            value = value[int(part)]
    built: Json = text
    for parent, part in reversed(below):
        if isinstance(parent, dict):
            built = {
                key: (built if key == part else child)
                for key, child in parent.items()
                if key == part or (key in keep and not isinstance(child, dict | list))
            }
        else:
            built = [built]
    return built
