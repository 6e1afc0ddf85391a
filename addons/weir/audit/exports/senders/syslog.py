"""Syslog over TCP or TLS (RFC 6587 and RFC 5425), octet-counted, with the one confirmation that the protocol allows.

Neither RFC has an answer: bytes that ``send`` accepted may still be in a buffer that dies with its machine. What a
receiver does say is how it closes. Whoever reads to the end of a stream and closes it sends FIN; one that closes with
something left unread, or that is gone, makes the other side see a reset. So ``confirm`` ends the connection in order
and waits for that: then every byte was read by the receiver's program. What the program loses from there on (rsyslog's
queue in memory, say) no sender can know.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import ssl
import struct
import termios
import time
from collections.abc import Iterable

from weir.audit.exports.syslog import counted

__all__ = ["SyslogSender", "Unconfirmed"]

TIMEOUT_S = 10.0
CLOSE_S = 5.0  # how long a receiver may take to read the rest and close
_CHUNK = 256 * 1024


class Unconfirmed(OSError):
    """The connection ended in a way that leaves open what the receiver has read: send it all again."""


class SyslogSender:
    """One receiver. Connects at the first message and again after every ``confirm``. Not for several threads."""

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        """``tls``: the context that verifies the receiver by ``host``; None: plain TCP."""
        self.host, self.port = host, port
        self._tls, self._timeout_s = tls, timeout_s
        self._socket: socket.socket | None = None

    def send(self, messages: Iterable[bytes]) -> None:
        """Write messages (RFC 5424, without framing). What is written is sure only after ``confirm``.

        Raises OSError: then everything since the last ``confirm`` has to be sent again.
        """
        try:
            connection = self._connected()
            buffer = bytearray()
            for message in messages:
                buffer += counted(message)
                if len(buffer) >= _CHUNK:
                    connection.sendall(buffer)
                    buffer.clear()
            if buffer:
                connection.sendall(buffer)
        except OSError:
            self.close()
            raise

    def confirm(self) -> bool:
        """End the connection and wait until the receiver has read all of it and closed its side too.

        False: the receiver keeps its side open; its kernel has acknowledged every byte, and that is all there is to
        know. Raises OSError (Unconfirmed, for a reset or bytes that nobody acknowledged).
        """
        connection, self._socket = self._socket, None
        if connection is None:
            return True
        try:
            return _ended(connection, CLOSE_S)
        finally:
            connection.close()

    def close(self) -> None:
        """Drop the connection; what was not confirmed stays so."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def _connected(self) -> socket.socket:
        if self._socket is not None and _left(self._socket):
            self.close()
            raise Unconfirmed(errno.ECONNRESET, "the receiver has closed the connection")
        if self._socket is None:
            made = socket.create_connection((self.host, self.port), self._timeout_s)
            try:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                self._socket = self._tls.wrap_socket(made, server_hostname=self.host) if self._tls else made
            except BaseException:
                made.close()
                raise
        return self._socket


def _left(connection: socket.socket) -> bool:
    """Whether the other side has ended the connection already (its FIN or a reset is here)."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return bool(poll.poll(0))


def _ended(connection: socket.socket, seconds: float) -> bool:
    if _left(connection):  # by itself, before it was asked: what came after that it has not read
        raise Unconfirmed(errno.ECONNRESET, "the receiver has closed the connection")
    deadline = time.monotonic() + seconds
    raw = connection
    connection.settimeout(seconds)
    if isinstance(connection, ssl.SSLSocket):
        try:
            raw = connection.unwrap()
        except ssl.SSLError:  # many receivers (GnuTLS in rsyslog) close without a farewell of their own
            raw = connection
        except TimeoutError:
            raw = connection
    raw.shutdown(socket.SHUT_WR)  # of an SSLSocket: from here on it is the plain connection
    closed = _drained(raw, deadline)
    while True:
        wrong = raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if wrong:
            raise Unconfirmed(wrong, os.strerror(wrong))
        if _unacknowledged(raw) == 0:
            return closed
        if time.monotonic() > deadline:
            raise Unconfirmed(errno.ETIMEDOUT, "the receiver has not acknowledged everything")
        time.sleep(0.01)


def _drained(raw: socket.socket, deadline: float) -> bool:
    """Read until the other side has closed; False when it does not in time. Raises OSError for a reset."""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        raw.settimeout(left)
        try:
            if not raw.recv(65_536):
                return True
        except TimeoutError:
            return False


def _unacknowledged(raw: socket.socket) -> int:
    """Bytes that the other side's kernel has not confirmed."""
    answer = fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    return int(struct.unpack("i", answer)[0])
