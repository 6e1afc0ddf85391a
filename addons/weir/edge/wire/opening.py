"""Hears how a reply begins, while it passes as it is. Nothing of it is kept."""

from __future__ import annotations

from collections.abc import Callable

from weir.model import Reply

__all__ = ["OPENING_BYTES", "Opening"]

OPENING_BYTES = 4096


class Opening:
    """A reply reader. ``heard`` is called once, with the first decoded bytes: when there are enough, or at the end."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard: Callable[[bytes], None] | None = heard
        self._start = b""

    def feed(self, data: bytes) -> bytes:
        """Take decoded bytes; they pass."""
        if self._heard is not None:
            self._start += data[: OPENING_BYTES - len(self._start)]
            if len(self._start) >= OPENING_BYTES:
                self._tell()
        return data

    def close(self) -> bytes:
        """The reply has ended."""
        if self._start:
            self._tell()
        return b""

    def reply(self) -> Reply:
        """Nothing: whose reply it is was not known."""
        return Reply()

    def _tell(self) -> None:
        heard, self._heard = self._heard, None
        start, self._start = self._start, b""
        if heard is not None:
            heard(start)
