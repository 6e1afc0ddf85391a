"""What the shape of a word tells by itself: that it can't be a secret, or that it may be a model's name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from weir.model import Exchange, Finding

__all__ = ["SHORT", "is_plain_word", "plausible_model", "recordable_model"]

# Characters below which a text holds nothing that any detector looks for: the shortest e-mail address has six.
SHORT: Final = 6
# Words of a language, joined the ways identifiers are. Each has to be short and of one case: a key of letters alone has
# neither. A counter at the end is no account number.
_PLAIN = re.compile(
    r"\$?(?:"
    r"[A-Za-z]?[a-z]{1,14}(?:[A-Z][a-z]{1,14}){0,5}"
    r"|[a-z]{1,15}(?:[_./+-][a-z]{1,15}){1,6}"
    r"|[A-Z]{1,12}(?:_[A-Z]{1,12}){0,6}"
    r")(?:[_-]?\d{1,3})?"
)
_PLAIN_CHARS_MAX: Final = 64
_KNOWN_MAX: Final = 4096
_known: set[str] = set()  # plain words seen before, most of them members' names: they hold nothing, so they may be kept
_MODEL = re.compile(r"[A-Za-z0-9_./:@+-]{1,120}")


def is_plain_word(text: str) -> bool:
    """True for a word such as ``tool_choice`` or ``maxOutputTokens``: nothing that identifies or opens anything."""
    if text in _known:
        return True
    if len(text) > _PLAIN_CHARS_MAX or _PLAIN.fullmatch(text) is None:
        return False
    if len(_known) < _KNOWN_MAX:
        _known.add(text)
    return True


def plausible_model(text: str) -> str:
    """``text`` when it may be the name of a model, else ``""``: records and policies take no other text for one."""
    return text if _MODEL.fullmatch(text) else ""


def recordable_model(exchange: Exchange, findings: Iterable[Finding]) -> str:
    """The model that a request names, for its record; ``""`` when what was found is part of that name.

    A key passes for a model's name. ``findings`` index into the exchange's segments.
    """
    model, segments = exchange.model, exchange.segments
    for finding in findings:
        found = segments[finding.segment].text[finding.start : finding.end] if finding.segment < len(segments) else ""
        if found and (found in model or (model and model in found)):
            return ""
    return model
