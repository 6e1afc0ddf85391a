"""Whether clients that have no exchange running are at work all the same: in a handshake, or about to ask."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
import time
from collections.abc import Iterable
from typing import Any

__all__ = ["all_quiet"]


def all_quiet(handlers: Iterable[Any], seconds: float) -> bool:
    """Whether nothing has happened on any of these connections for so long, and nothing waits on one to be read.

    With ``seconds`` 0 nobody is waited for.
    """
    if seconds <= 0:
        return True
    now = time.time()  # as mitmproxy notes it
    return all(now - one.timeout_watchdog.last_activity >= seconds and not _waiting(one) for one in list(handlers))


def _waiting(handler: Any) -> bool:
    """Whether the client has sent what nobody has read yet, or has not taken all that it was sent."""
    io = handler.transports.get(handler.client)
    writer = io.writer if io is not None else None
    if writer is None:
        return False
    transport = getattr(writer, "transport", None)
    if transport is not None and transport.get_write_buffer_size():
        return True
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return False
    return bool(struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, b"\0\0\0\0"))[0])
