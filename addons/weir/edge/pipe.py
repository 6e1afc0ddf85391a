"""One reply on its way from upstream to the client: decoded for reading, passed on as it came unless edited."""

from __future__ import annotations

from weir.edge.coding import CodingError, Decoder
from weir.model import Inspection, Reply
from weir.ports import ReplyReader

__all__ = ["PipeBroken", "ReplyPipe"]


class PipeBroken(RuntimeError):
    """An edited reply can't be read any further, so it can't be passed on either."""


class ReplyPipe:
    """Feeds a reader with decoded bytes. When `editing`, the client gets what the reader returns, unencoded."""

    def __init__(self, reader: ReplyReader, encoding: str, *, editing: bool, limit: int) -> None:
        self.reader = reader
        self.editing = editing
        self.broken = ""  # why reading stopped
        self._closed = False
        self._tail: list[bytes] = []
        self._decoder: Decoder | None = None
        try:
            self._decoder = Decoder(encoding, limit)
        except CodingError as error:
            self._break(str(error))

    def _break(self, why: str) -> None:
        self.broken = why
        if self.editing:
            raise PipeBroken(why)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Bytes from upstream in, bytes for the client out. Raises PipeBroken."""
        if self.broken or self._decoder is None:
            return [chunk]
        try:
            plain = self._decoder.feed(chunk)
        except CodingError as error:
            self._break(str(error))
            return [chunk]
        out = self.reader.feed(plain)
        return [out] if self.editing else [chunk]

    def close(self) -> list[bytes]:
        """The reply ended, whole or cut short; return what is still to be sent. Later calls return nothing."""
        if self._closed:
            return []
        self._closed = True
        out = self.reader.close()
        return [out] if self.editing and not self.broken else []

    def reply(self) -> Reply:
        """What the reply said, as far as it could be read."""
        from dataclasses import replace

        reply = self.reader.reply()
        if self.broken:
            return replace(reply, inspection=Inspection.PARTIAL, reason=self.broken)
        return reply
