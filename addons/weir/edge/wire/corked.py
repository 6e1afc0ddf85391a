"""The writing end of a connection, which gathers what one event makes for it into one write."""

from __future__ import annotations

import asyncio
from typing import Any

from weir.edge.bounds.readers import abort_later

__all__ = ["CorkedWriter"]


class CorkedWriter:
    """A stream writer that gathers what is written until `flush`."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._pending: list[bytes] = []
        self.sent = 0  # bytes, with those that still wait in the socket

    def write(self, data: bytes) -> None:
        """Keep `data` for the flush at the end of the event."""
        self._pending.append(data)

    def flush(self) -> None:
        """Send what was gathered."""
        if not self._pending:
            return
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending.clear()
        if not self._writer.is_closing():
            self._writer.write(data)
            self.sent += len(data)

    def close(self) -> None:
        """Send and close."""
        self.flush()
        self._writer.close()
        abort_later(self._writer)

    def write_eof(self) -> None:
        """Send and half-close."""
        self.flush()
        self._writer.write_eof()

    async def drain(self) -> None:
        """Send and wait for room."""
        self.flush()
        await self._writer.drain()

    def at_rest(self) -> bool:
        """Whether `drain` would do nothing: all that was written has gone, and the connection stands."""
        transport = getattr(self._writer, "transport", None)
        if not isinstance(transport, asyncio.WriteTransport):
            return False
        return not (self._pending or transport.get_write_buffer_size() or transport.is_closing())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)
