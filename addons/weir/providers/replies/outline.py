"""The few members of a large reply that say what it was and what it used, found without reading the rest."""

from __future__ import annotations

import json
import re
from typing import Final

from weir.providers.wire.values import JsonObject

__all__ = ["outline"]

_EDGE: Final = 64 * 1024  # bytes looked at, at either end
_VALUE_CHARS_MAX: Final = 8 * 1024
_MEMBERS_MAX: Final = 50  # read at either side of either end: a value may be as long as it likes, for each anew
_LAST: Final = frozenset({"usage", "usageMetadata", "stop_reason", "status"})
# Inside a string these names would stand with escaped quotes.
_MEMBER = re.compile(r'"(id|model|object|status|usage|modelVersion|responseId|usageMetadata|stop_reason)"\s*:\s*')
_DECODER = json.JSONDecoder()


def outline(document: bytes) -> JsonObject:
    """A reply with only the members that name it and count its tokens, as far as they stand near its ends.

    Of several members of one name the first holds, but of those that come after what they sum up, the last. Never
    raises.
    """
    ends = (document,) if len(document) <= 2 * _EDGE else (document[:_EDGE], document[-_EDGE:])
    found: JsonObject = {}
    for end in ends:
        text = end.decode("utf-8", "replace")
        matches = list(_MEMBER.finditer(text))
        for match in dict.fromkeys((*matches[:_MEMBERS_MAX], *matches[-_MEMBERS_MAX:])):
            name = match[1]
            if name in found and name not in _LAST:
                continue
            try:
                value, _ = _DECODER.raw_decode(text[match.end() : match.end() + _VALUE_CHARS_MAX])
            except (RecursionError, ValueError):
                continue
            if isinstance(value, dict if name in ("usage", "usageMetadata") else str):
                found[name] = value
    return found
