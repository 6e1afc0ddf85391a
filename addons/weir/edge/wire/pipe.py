"""One reply on its way from upstream to the client: decoded for reading, passed on as it came unless edited."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

from weir.edge.wire.coding import EXPANSION_MAX, CodingError, Decoder
from weir.model import Inspection, Reply
from weir.ports import ReplyReader

__all__ = ["PipeBroken", "Reader", "ReplyPipe"]

_RATIO = 8  # what text grows to when it is decompressed, about


class PipeBroken(RuntimeError):
    """An edited reply can't be read any further, so it can't be passed on either."""


@runtime_checkable
class Reader(ReplyReader, Protocol):
    """A reader that says how much it has to do, and can end a reply in the middle."""

    def work(self, size: int, *, end: bool) -> int:
        """How many bytes the next ``size`` bytes, or the end, would make it read."""

    def ending(self, event: bytes, document: bytes) -> bytes:
        """What ends the reply with an error; b"" when nothing can."""


class ReplyPipe:
    """Feeds a reader with decoded bytes. When `editing`, the client gets what the reader returns, unencoded.

    `decides`: whoever reads may end the reply, so a chunk goes on when it has been read and not before.
    """

    def __init__(
        self,
        reader: ReplyReader,
        encoding: str,
        *,
        editing: bool,
        limit: int,
        decides: bool = False,
        expansion: int = EXPANSION_MAX,
    ) -> None:
        self.reader = reader
        self.editing = editing
        self.decides = editing or decides
        self.broken = ""  # why reading stopped
        self._closed = False
        self._busy = False
        self._decoder: Decoder | None = None
        try:
            self._decoder = Decoder(encoding, limit, expansion)
        except CodingError as error:
            self._break(str(error))

    def _break(self, why: str) -> None:
        self.broken = why
        if self.decides:
            raise PipeBroken(why)

    def work(self, size: int, *, end: bool) -> int:
        """About how many bytes the next chunk, or the end, makes the reader read."""
        if self.broken or self._closed or self._decoder is None:
            return 0
        if self._decoder.encoding != "identity":
            size *= _RATIO
        return self.reader.work(size, end=end) if isinstance(self.reader, Reader) else 0

    def ending(self, event: bytes, document: bytes) -> bytes:
        """What ends the reply in the middle with an error; b"" when only a cut can."""
        if not self.editing or not isinstance(self.reader, Reader):
            return b""
        return self.reader.ending(event, document)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Bytes from upstream in, bytes for the client out. Raises PipeBroken."""
        if self.broken or self._decoder is None:
            return [chunk]
        self._busy = True
        try:
            plain = self._decoder.feed(chunk)
        except CodingError as error:
            self._busy = False
            self._break(str(error))
            return [chunk]
        out = self.reader.feed(plain)
        self._busy = False
        return [out] if self.editing else [chunk]

    def close(self) -> list[bytes]:
        """The reply ended, whole or cut short; return what is still to be sent. Later calls return nothing."""
        # Left in the middle of a chunk: whoever reads it may still be at it, on a thread that was given up.
        if self._closed or self._busy:
            return []
        self._closed = self._busy = True
        out = self.reader.close()
        self._busy = False
        return [out] if self.editing and not self.broken else []

    def reply(self) -> Reply:
        """What the reply said, as far as it could be read."""
        reply = self.reader.reply()
        if self.broken:
            return replace(reply, inspection=Inspection.PARTIAL, reason=self.broken)
        return reply
