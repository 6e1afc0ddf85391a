"""Moves the company's key to the header that takes its kind: not every provider takes each behind ``Bearer``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weir.keys.credentials import kind_of
from weir.keys.kinds import Patterns
from weir.model import AuthPlace

__all__ = ["placed"]

_BEARER = "bearer"
_OPEN = ("unknown", "jwt")  # a form that nobody knows stays where the client's stood


def placed(
    headers: Iterable[tuple[str, str]], value: str, alone: str, places: Sequence[AuthPlace], patterns: Patterns
) -> list[tuple[str, str]]:
    """``headers`` with ``value`` where its kind belongs, once. ``alone`` is the one kind that is taken behind `Bearer`;
    a key of any other goes to the first header among ``places`` that wants no scheme, and that kind from there to
    `Bearer`. Without ``alone`` nothing moves.
    """
    kind = kind_of(value, patterns)
    own = next((place.header.lower() for place in places if place.header and not place.scheme), "")
    moved: list[tuple[str, str]] = []
    for name, line in headers:
        if value in line and alone and own and kind not in _OPEN:
            scheme, _, rest = line.strip().partition(" ")
            if name.lower() == "authorization" and scheme.lower() == _BEARER and rest.strip() == value:
                name, line = (name, line) if kind == alone else (own, value)
            elif name.lower() == own and line.strip() == value and kind == alone:
                name, line = "authorization", f"Bearer {value}"
            if any(name.lower() == before.lower() and line == same for before, same in moved):
                continue  # it stood in both
        moved.append((name, line))
    return moved
