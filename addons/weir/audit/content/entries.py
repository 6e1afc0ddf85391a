"""How the encrypted texts of one event stand in a file: an entry, in a frame that a reader can find again after damage.

An entry is a head (event, key, times, how many parts) and its parts, each encrypted by itself with the head and its own
description as associated data: a part that was moved to another event, place or key does not open. Times are
microseconds since the epoch, days are days since the epoch (UTC).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

__all__ = [
    "PLAIN_MAX",
    "BadEntry",
    "Buffer",
    "Entry",
    "Frame",
    "Head",
    "SealedPart",
    "frame",
    "frames",
    "heads",
    "payload_at",
    "read_head",
]

MARK = b"\x93weir\xc7\x1fE"  # begins every frame
PLAIN_MAX = 1 << 30  # bytes of one part, before compression
PAYLOAD_MAX = 1 << 30
_HEAD = struct.Struct(">B16s16sQIH")
_PART = struct.Struct(">BHBIQI")
_FRAME = struct.Struct(">8sII")  # mark, length of the payload, CRC-32 of both
_SUM = struct.Struct(">I")
_VERSION = 1
OVERHEAD = _FRAME.size + _SUM.size


class Buffer(Protocol):
    """What bytes and a mapped file have in common."""

    def find(self, sub: bytes, start: int, /) -> int: ...
    def __getitem__(self, index: slice, /) -> bytes: ...
    def __len__(self) -> int: ...


class BadEntry(ValueError):
    """Bytes that are no entry. The message never quotes them."""


@dataclass(frozen=True, slots=True)
class Head:
    """What an entry says openly: enough to find it, to know its key and when it ends."""

    event_id: bytes  # 16 bytes, as in the UUID
    key_id: bytes  # 16 bytes
    ts_us: int
    expires_day: int
    count: int  # of parts

    def pack(self) -> bytes:
        """The head as it stands in the file, and in the associated data of every part."""
        return _HEAD.pack(_VERSION, self.event_id, self.key_id, self.ts_us, self.expires_day, self.count)


@dataclass(frozen=True, slots=True)
class SealedPart:
    """One encrypted part. ``nonce`` is a count, unique for its key; ``length`` is that of the plain bytes."""

    kind: int
    ord: int
    compressed: bool
    length: int
    nonce: int
    ciphertext: bytes = field(repr=False, default=b"")

    def pack(self) -> bytes:
        """Its description, without the ciphertext."""
        size = len(self.ciphertext)
        return _PART.pack(self.kind, self.ord, int(self.compressed), self.length, self.nonce, size)

    def associated(self, head: Head) -> bytes:
        """What the ciphertext is bound to: all of the head, and what the part says of itself but its own size."""
        return head.pack() + self.pack()[: -_SUM.size]

    @property
    def ct_hash(self) -> str:
        """SHA-256 (hex) of the part as it is stored: for a record's ``args_ct_hash``."""
        return hashlib.sha256(self.pack() + self.ciphertext).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """The encrypted texts of one event."""

    head: Head
    parts: tuple[SealedPart, ...]

    def pack(self) -> bytes:
        """The entry as it is stored; SHA-256 of it is the record's ``content_ct_hash``."""
        return b"".join((self.head.pack(), *(part.pack() + part.ciphertext for part in self.parts)))

    @classmethod
    def unpack(cls, payload: bytes) -> Entry:
        """The entry in ``payload``. Raises BadEntry."""
        head, at, parts = read_head(payload), _HEAD.size, []
        try:
            for _ in range(head.count):
                kind, ord_, flags, length, nonce, size = _PART.unpack_from(payload, at)
                at += _PART.size
                if flags > 1 or length > PLAIN_MAX or at + size > len(payload):
                    raise BadEntry("a part of the entry is not as it should be")
                parts.append(SealedPart(kind, ord_, bool(flags), length, nonce, payload[at : at + size]))
                at += size
        except struct.error:
            raise BadEntry("the entry ends too early") from None
        if at != len(payload):
            raise BadEntry("something stands behind the entry's last part")
        return cls(head, tuple(parts))


def read_head(payload: bytes) -> Head:
    """The head of an entry, of which the first bytes are enough. Raises BadEntry."""
    try:
        version, event_id, key_id, ts_us, expires_day, count = _HEAD.unpack_from(payload)
    except struct.error:
        raise BadEntry("the entry ends too early") from None
    if version != _VERSION:
        raise BadEntry("an entry of a version that is not known")
    return Head(event_id, key_id, ts_us, expires_day, count)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands at ``offset``: a payload, or what is wrong there (then ``payload`` is empty)."""

    offset: int
    payload: bytes = field(repr=False, default=b"")
    problem: str = ""
    torn: bool = False  # at the very end: begun and never finished, as a crash leaves it


def frame(payload: bytes) -> bytes:
    """The payload as it is appended to a segment. Raises ValueError when it is larger than 1 GiB."""
    if len(payload) > PAYLOAD_MAX:
        raise ValueError("an entry is at most 1 GiB")
    size = _SUM.pack(len(payload))
    return b"".join((MARK, size, _SUM.pack(zlib.crc32(MARK + size)), payload, _SUM.pack(zlib.crc32(payload))))


def frames(data: Buffer) -> Iterator[Frame]:
    """Every frame in order. What is damaged is told once, and reading goes on with the next frame that is whole."""
    at, end = 0, len(data)
    while at < end:
        payload = payload_at(data, at)
        if payload is not None:
            yield Frame(at, payload)
            at += OVERHEAD + len(payload)
            continue
        following = _next(data, at + 1)
        torn = following == end and _unfinished(data, at, _length_at(data, at))
        problem = "an entry that was not written to its end" if torn else f"{following - at} bytes are damaged"
        yield Frame(at, problem=problem, torn=torn)
        at = following


def heads(data: Buffer) -> Iterator[tuple[int, Head | None]]:
    """Where every frame begins, and its entry's head without touching the texts behind it; None for damage.

    What the frame's own sum would show goes unseen: this is for finding, ``payload_at`` for believing.
    """
    at, end = 0, len(data)
    while at < end:
        length = _length_at(data, at)
        if length is None or at + OVERHEAD + length > end:
            yield at, None
            at = _next(data, at + 1)
            continue
        body = at + _FRAME.size
        try:
            yield at, read_head(data[body : body + min(length, _HEAD.size)])
        except BadEntry:
            yield at, None
        at = body + length + _SUM.size


def payload_at(data: Buffer, at: int) -> bytes | None:
    """The payload of the frame that begins at ``at``; None when it is not whole."""
    length = _length_at(data, at)
    if length is None:
        return None
    body = at + _FRAME.size
    payload = bytes(data[body : body + length])
    return payload if _SUM.pack(zlib.crc32(payload)) == data[body + length : body + length + _SUM.size] else None


def _unfinished(data: Buffer, at: int, length: int | None) -> bool:
    left = len(data) - at
    if length is not None:
        return left < OVERHEAD + length
    return left < _FRAME.size and MARK.startswith(data[at : at + len(MARK)])


def _length_at(data: Buffer, at: int) -> int | None:
    raw = data[at : at + _FRAME.size]
    if len(raw) < _FRAME.size:
        return None
    mark, length, check = _FRAME.unpack(raw)
    known = mark == MARK and check == zlib.crc32(raw[: -_SUM.size]) and length <= PAYLOAD_MAX
    return length if known else None


def _next(data: Buffer, start: int) -> int:
    """Where the next frame with a sound beginning stands; the end of the data when there is none."""
    at = data.find(MARK, start)
    while at >= 0:
        if _length_at(data, at) is not None:
            return at
        at = data.find(MARK, at + 1)
    return len(data)
