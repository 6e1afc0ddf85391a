"""A JSON array that arrives bit by bit: where each element begins and ends, without reading what is between."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

__all__ = ["ArrayFramer", "Piece"]

_ELEMENT_BYTES_MAX: Final = 8 * 1024 * 1024
_OUTSIDE = re.compile(rb'["\[\]{}]')
_INSIDE = re.compile(rb'["\\]')


class Piece(NamedTuple):
    """Raw bytes: one ``element`` that is an object or array, the bracket at the ``end``, or what is ``between``."""

    raw: bytes
    kind: Literal["element", "between", "end"]
    oversize: bool = False


class ArrayFramer:
    """Cuts the bytes of a JSON array into pieces; put together they are what came. Holds one element at most."""

    def __init__(self, limit: int = _ELEMENT_BYTES_MAX) -> None:
        self._limit = limit
        self._held = bytearray()
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._oversize = False

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that ``data`` completes."""
        pieces: list[Piece] = []
        start = at = 0
        while at < len(data):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            found = (_INSIDE if self._in_string else _OUTSIDE).search(data, at)
            if found is None:
                break
            at = found.end()
            start = self._structure(found[0], data, start, at, pieces)
        self._rest(data[start:], pieces)
        return pieces

    def close(self) -> list[Piece]:
        """The stream has ended, perhaps inside an element."""
        raw = bytes(self._held)
        self._held.clear()
        return [Piece(raw, "element", self._oversize)] if raw else []

    def _structure(self, mark: bytes, data: bytes, start: int, at: int, pieces: list[Piece]) -> int:
        """Take one structural byte, which ends at ``at``; return where what is not yet in a piece begins."""
        if self._in_string:
            self._escaped = mark == b"\\"
            self._in_string = self._escaped
        elif mark == b'"':
            self._in_string = True
        elif mark in b"{[":
            self._depth += 1
            if self._depth == 2:
                self._between(data[start : at - 1], pieces)
                return at - 1
        else:
            self._depth = max(0, self._depth - 1)
            if self._depth == 1:
                self._held += data[start:at]
                raw = bytes(self._held)
                self._held.clear()
                pieces.append(Piece(raw, "element", self._oversize or len(raw) > self._limit))
                self._oversize = False
                return at
            if self._depth == 0:
                self._between(data[start : at - 1], pieces)
                pieces.append(Piece(mark, "end"))
                return at
        return start

    @staticmethod
    def _between(raw: bytes, pieces: list[Piece]) -> None:
        if raw:
            pieces.append(Piece(raw, "between"))

    def _rest(self, raw: bytes, pieces: list[Piece]) -> None:
        if self._depth < 2:
            self._between(raw, pieces)
            return
        self._held += raw
        if len(self._held) > self._limit:
            self._oversize = True
            pieces.append(Piece(bytes(self._held), "element", True))
            self._held.clear()
