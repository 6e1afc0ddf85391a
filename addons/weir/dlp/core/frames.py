"""What weir and its scanning processes say to each other: frames on a socket, a question and an answer.

Texts go one way and places the other. Nothing here is pickled: what a scanner says is read as data, never run.
"""

from __future__ import annotations

import math
import socket
import struct
import time

import orjson

from weir.dlp.core.cache import Scanned, Span

__all__ = ["Ended", "pack_answer", "pack_question", "receive", "send", "unpack_answer", "unpack_question"]

_LENGTH = struct.Struct("!Q")
_QUESTION = struct.Struct("!?d")  # put together from several texts?; seconds, not a number for no limit
FRAME_BYTES_MAX = 1 << 32
_CHUNK_BYTES = 1 << 20


class Ended(ConnectionError):
    """The other end is closed."""


def send(connection: socket.socket, data: bytes, *, until: float | None = None) -> None:
    """Send one frame. Raises OSError, and TimeoutError when it has not gone by ``until`` (monotonic seconds)."""
    _limit(connection, until)
    if len(data) < _CHUNK_BYTES:
        connection.sendall(_LENGTH.pack(len(data)) + data)
        return
    connection.sendall(_LENGTH.pack(len(data)))
    _limit(connection, until)
    connection.sendall(data)


def receive(connection: socket.socket, *, until: float | None = None) -> bytes:
    """The next frame. Raises Ended, another OSError, and TimeoutError when it is not all here by ``until``."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size, until))
    if length > FRAME_BYTES_MAX:
        raise Ended("not a frame")
    return _exactly(connection, length, until)


def _exactly(connection: socket.socket, length: int, until: float | None) -> bytes:
    data = bytearray(length)
    view, have = memoryview(data), 0
    while have < length:
        _limit(connection, until)
        count = connection.recv_into(view[have : have + _CHUNK_BYTES])
        if not count:
            raise Ended("the other end is closed")
        have += count
    return bytes(data)


def _limit(connection: socket.socket, until: float | None) -> None:
    if until is not None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("no time left")
        connection.settimeout(left)


def pack_question(data: bytes, *, seam: bool, seconds: float | None) -> bytes:
    """The question what the text with the bytes ``data`` holds."""
    return _QUESTION.pack(seam, math.nan if seconds is None else seconds) + data


def unpack_question(frame: bytes) -> tuple[bytes, bool, float | None]:
    """The text's bytes, whether it was put together, and the seconds there are."""
    seam, seconds = _QUESTION.unpack_from(frame)
    return frame[_QUESTION.size :], seam, None if math.isnan(seconds) else seconds


def pack_answer(result: Scanned, final: bool) -> bytes:
    """What was found, and whether another scan could not do better."""
    spans = [(s.detector, s.severity, s.start, s.end, s.score, s.fingerprint) for s in result.spans]
    return orjson.dumps((spans, result.reason, final))


def unpack_answer(frame: bytes) -> tuple[Scanned, bool]:
    """What `pack_answer` was given. Raises ValueError when it is no answer."""
    spans, reason, final = orjson.loads(frame)
    return Scanned(tuple(Span(*span) for span in spans), str(reason)), bool(final)
