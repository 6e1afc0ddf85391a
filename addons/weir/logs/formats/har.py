"""HAR files of browsers and proxies: one JSON document, of which one entry is held at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

from weir.logs.format import Bad, Format, Row, Sample

__all__ = ["FORMAT"]

_ENTRIES = re.compile(rb'(?<!\\)"entries"\s*:\s*\[')
_ENTRY_MAX = 32 << 20  # bytes of one entry: its bodies are in it; a larger one is skipped
_HEAD_MAX = 64 << 20  # bytes before the entries: pages, the browser's name
_PIECE = 1 << 20
_MARKS = re.compile(rb'[{}"\]]')
_IN_STRING = re.compile(rb'(?:[^"\\]|\\.)*+', re.DOTALL)


def _looks(sample: Sample) -> float:
    head = sample.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not re.match(rb'\{\s*"log"\s*:\s*\{', head):
        return 0.0
    return 1.0 if re.search(rb'"(?:creator|entries|pages|browser)"\s*:', head) else 0.0


def _rows(stream: BinaryIO) -> Iterator[Row | Bad]:
    number = 0
    for entry in _entries(stream):
        number += 1
        if isinstance(entry, str):
            yield Bad(number, entry)
            continue
        try:
            yield _row(json.loads(entry))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            yield Bad(number, "no whole entry of a HAR file")


def _row(entry: dict[str, Any]) -> Row:
    request, response = entry["request"], entry.get("response") or {}
    url = request["url"]
    agent = next((one["value"] for one in request.get("headers") or () if one["name"].lower() == "user-agent"), "")
    sent, got = _size(request), _size(response)
    whole = response.get("_transferSize")  # Chrome's count of all that came, headers and packing as on the wire
    if isinstance(whole, int) and whole > 0:
        got = whole
    elif got is None:
        got = _number((response.get("content") or {}).get("size"))
    # Chrome's words for a policy that forbids the address.
    barred = "BLOCKED_BY_ADMINISTRATOR" in str(response.get("_error", ""))
    return Row(
        ts=_when(entry.get("startedDateTime")),
        url=url if isinstance(url, str) else "",
        agent=agent if isinstance(agent, str) else "",
        action="blocked" if barred else "allowed",
        bytes_up=sent,
        bytes_down=got,
    )


def _size(side: dict[str, Any]) -> int | None:
    """Body and headers; None when the body's size is unknown (-1), which says nothing of what moved."""
    body, head = _number(side.get("bodySize")), _number(side.get("headersSize"))
    return None if body is None else body + (head or 0)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 60 else None


def _when(text: object) -> int | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    span = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _entries(stream: BinaryIO) -> Iterator[bytes | str]:
    """The text of each entry; for one that can't be had, why not."""
    held = bytearray()
    while not (found := _ENTRIES.search(held)):
        piece = stream.read(max(_PIECE, len(held)))
        if not piece or len(held) > _HEAD_MAX:
            yield "the file has no entries"
            return
        held += piece
    del held[: found.end()]
    framer = _Framer(held)
    while True:
        yield from framer.take()
        if framer.ended:
            return
        # As much again as is held already, so that a large entry isn't walked through over and over.
        piece = stream.read(max(_PIECE, framer.size))
        if not piece:
            yield "the file ends in the middle of its entries"
            return
        framer.feed(piece)


class _Framer:
    """Cuts an array of objects at the objects' braces, strings left alone."""

    def __init__(self, held: bytearray) -> None:
        self._held = held
        self._at = 0  # walked up to here
        self._depth = 0
        self._start = 0  # of the entry that is open
        self._in_string = False
        self._skipping = False
        self.ended = False

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self._held)

    def feed(self, piece: bytes) -> None:
        """More of the file; what is behind, and what is too large, goes."""
        cut = self._start if self._depth and not self._skipping else self._at
        del self._held[:cut]
        self._at -= cut
        self._start = 0
        if self._depth and len(self._held) > _ENTRY_MAX:
            self._skipping = True
            del self._held[: self._at]
            self._at = 0
        self._held += piece

    def take(self) -> Iterator[bytes | str]:
        """The entries that are whole by now."""
        while not self.ended:
            if self._in_string and not self._close_string():
                return
            mark = _MARKS.search(self._held, self._at)
            if not mark:
                self._at = len(self._held)
                return
            self._at = mark.end()
            kind = mark.group()
            if kind == b'"':
                self._in_string = True
            elif kind == b"{":
                self._start = mark.start() if not self._depth else self._start
                self._depth += 1
            elif kind == b"}":
                self._depth -= 1
                if self._depth == 0:
                    yield "larger than 32 MB" if self._skipping else bytes(self._held[self._start : self._at])
                    self._skipping = False
            self.ended = self._depth < 0 or (kind == b"]" and self._depth == 0)

    def _close_string(self) -> bool:
        match = _IN_STRING.match(self._held, self._at)
        self._at = match.end() if match else self._at
        if self._at >= len(self._held) or self._held[self._at] != 0x22:
            return False  # its end, or what a backslash stands before, is yet to come
        self._at += 1
        self._in_string = False
        return True


FORMAT = Format("har", "HAR files of browsers and proxies", _looks, rows=_rows)
