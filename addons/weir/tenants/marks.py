"""Listens for a vendor's words of refusal in a reply that passes. Nothing of the reply is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weir.model import Reply
from weir.ports import ReplyReader

__all__ = ["LISTENED_MAX", "Marks"]

LISTENED_MAX = 256 * 1024  # bytes of a reply, decoded


class Marks:
    """A reply reader around another one, or alone: its bytes pass as they are. ``heard`` is called once, at a mark."""

    def __init__(self, marks: Sequence[str], heard: Callable[[], None], inner: ReplyReader | None = None) -> None:
        self._marks = tuple(mark.encode() for mark in marks)
        self._longest = max((len(mark) for mark in self._marks), default=0)
        self._heard = heard
        self._inner = inner
        self._left = LISTENED_MAX
        self._tail = b""

    def feed(self, data: bytes) -> bytes:
        """Take decoded bytes; what the reader within makes of them."""
        if self._left > 0:
            text = self._tail + data[: self._left]
            self._left -= len(data)
            self._tail = text[-(self._longest - 1) :] if self._longest > 1 else b""
            if any(mark in text for mark in self._marks):
                self._left, self._tail = 0, b""
                self._heard()
        return data if self._inner is None else self._inner.feed(data)

    def close(self) -> bytes:
        """The reply has ended."""
        self._left, self._tail = 0, b""
        return b"" if self._inner is None else self._inner.close()

    def reply(self) -> Reply:
        """What the reader within knows so far."""
        return Reply() if self._inner is None else self._inner.reply()

    def work(self, size: int, *, end: bool) -> int:
        """How many bytes the next ``size`` bytes, or the end, make the reader within read."""
        work = getattr(self._inner, "work", None)
        return int(work(size, end=end)) if work is not None else 0

    def ending(self, event: bytes, document: bytes) -> bytes:
        """What ends the reply with an error; b"" when the reader within can't."""
        ending = getattr(self._inner, "ending", None)
        return bytes(ending(event, document)) if ending is not None else b""
