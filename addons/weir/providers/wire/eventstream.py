"""The binary event stream of AWS: where each message ends, what it says, and how to change only its payload.

A message is: its length and that of its headers (u32 each), a CRC-32 of these, the headers, the payload, and a CRC-32
of all before it. The framing is exact: the raw bytes of all messages, put together, are the stream, and it does not
depend on how the stream was cut into chunks. Both checksums are checked, and right after an edit.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, NamedTuple
from zlib import crc32

__all__ = ["MESSAGE_BYTES_MAX", "Cutter", "Message", "message_bytes", "with_payload"]

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
_PRELUDE: Final = struct.Struct(">III")
_CRC: Final = struct.Struct(">I")
_LEAST: Final = _PRELUDE.size + _CRC.size
_CHECKED: Final = 8  # bytes of lengths, which have a checksum of their own
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # of values that have one; 6 and 7 state theirs
_BYTES, _STRING = 6, 7
_NAME_BYTES_MAX: Final = 255
_HEADERS_MAX: Final = 64


class Message(NamedTuple):
    """One message: its raw bytes, its text headers, its payload, and the bytes its headers take.

    ``fault``: why it can't be read. Then ``raw`` may be a part of a message only, and nothing else is given.
    """

    raw: bytes
    headers: Mapping[str, str]
    payload: bytes
    headers_size: int = 0
    fault: str = ""


def message_bytes(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A whole message with text ``headers`` (of at most 255 and 32,767 bytes, names and values)."""
    block = b""
    for name, value in headers.items():
        key, text = name.encode(), value.encode()
        block += bytes((len(key),)) + key + struct.pack(">BH", _STRING, len(text)) + text
    return _sealed(block, payload)


def with_payload(message: Message, payload: bytes) -> bytes:
    """The bytes of ``message`` with its payload replaced; its headers stay as they were."""
    return _sealed(message.raw[_PRELUDE.size : _PRELUDE.size + message.headers_size], payload)


def _sealed(block: bytes, payload: bytes) -> bytes:
    lengths = struct.pack(">II", _LEAST + len(block) + len(payload), len(block))
    body = lengths + _CRC.pack(crc32(lengths)) + block + payload
    return body + _CRC.pack(crc32(body))


def _headers(block: bytes) -> dict[str, str] | None:
    """The text headers; None when the block can't be read or says one thing twice."""
    found: dict[str, str] = {}
    names: set[bytes] = set()
    at, end = 0, len(block)
    while at < end:
        stop = at + 1 + block[at]
        if stop >= end or len(names) >= _HEADERS_MAX:
            return None
        name, kind, at = block[at + 1 : stop], block[stop], stop + 1
        if kind in (_BYTES, _STRING):
            if at + 2 > end:
                return None
            size, at = int.from_bytes(block[at : at + 2]), at + 2
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            return None
        if at + size > end or name in names:
            return None
        names.add(name)
        if kind == _STRING:
            found[name.decode("utf-8", "replace")] = block[at : at + size].decode("utf-8", "replace")
        at += size
    return found


class Cutter:
    """Cuts a byte stream into messages. Holds at most ``limit`` bytes; a larger message goes on unread in pieces.

    Where a message ends is known only while the checksums of lengths are right: after a wrong one all goes on unread.
    """

    def __init__(self, limit: int = MESSAGE_BYTES_MAX) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._need = _PRELUDE.size  # bytes without which there is nothing to do
        self._skip = 0  # bytes left of a message too large to hold
        self._lost = ""  # why nothing can be read any more
        self._block, self._headers = b"", dict[str, str]()

    @property
    def held(self) -> int:
        """Bytes of a message that is not yet complete."""
        return len(self._buffer)

    @property
    def between(self) -> bool:
        """True when what has been given out ends with a whole message."""
        return not self._skip and not self._lost

    def feed(self, data: bytes) -> list[Message]:
        """The messages that ``data`` completes."""
        if self._buffer or len(data) < self._need:
            self._buffer += data
            if len(self._buffer) < self._need:
                return []
            data = bytes(self._buffer)
        found: list[Message] = []
        start, end = 0, len(data)
        while start < end:
            message = self._next(data, start)
            if message is None:
                break
            found.append(message)
            start += len(message.raw)
        if start < end or self._buffer:
            self._buffer[:] = data[start:]
        return found

    def close(self) -> list[Message]:
        """The stream has ended: what stands unfinished can't be read."""
        raw = bytes(self._buffer)
        self._buffer.clear()
        if self._skip:
            return [_unread(raw, "event stream: cut off")]
        return [_unread(raw, "event stream: cut off")] if raw else []

    def _next(self, data: bytes, start: int) -> Message | None:
        """The message, or the part of an unreadable one, at ``start``; None when more is needed."""
        if self._lost:
            return _unread(data[start:], self._lost)
        if self._skip:
            raw = data[start : start + self._skip]
            self._skip -= len(raw)
            return _unread(raw, "event over the limit")
        left = len(data) - start
        self._need = _PRELUDE.size
        if left < self._need:
            return None
        total, size, check = _PRELUDE.unpack_from(data, start)
        if crc32(data[start : start + _CHECKED]) != check:
            self._lost = "event stream: wrong checksum of lengths"
        elif total < _LEAST + size:
            self._lost = "event stream: wrong lengths"
        elif total > self._limit:
            self._skip = total
        elif left < total:
            self._need = total
            return None
        else:
            return self._read(data[start : start + total], size, check)
        self._need = 1
        return self._next(data, start)

    def _read(self, raw: bytes, size: int, check: int) -> Message:
        # Of a checksum over all, the part over the lengths is known.
        if crc32(raw[_CHECKED : -_CRC.size], check) != _CRC.unpack_from(raw, len(raw) - _CRC.size)[0]:
            return _unread(raw, "event: wrong checksum")
        end = _PRELUDE.size + size
        block = raw[_PRELUDE.size : end]
        if block != self._block:  # most messages have the headers of the one before
            headers = _headers(block)
            if headers is None:
                return _unread(raw, "event: headers can't be read")
            self._block, self._headers = block, headers
        return Message(raw, self._headers, raw[end : -_CRC.size], size)


def _unread(raw: bytes, fault: str) -> Message:
    return Message(raw, {}, b"", 0, fault)
