"""The places of the key file: 128 bytes each, so that one is written or overwritten by itself and never moves others.

A place holds a wrapped data key, what is left of a destroyed one, or an erasure. Users and conversations stand there as
digests under the file's salt: 16 bytes. Overwriting in place is why this is no database: in SQLite a key would live on
in freed pages, the WAL and its copies; here its only bytes are the ones that are overwritten.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

__all__ = [
    "DESTROYED",
    "ERASURE",
    "KEY",
    "NOBODY",
    "SIZE",
    "Destroyed",
    "Erased",
    "Erasure",
    "Slot",
    "Wrapped",
    "read_slot",
]

SIZE = 128
KEY, DESTROYED, ERASURE = b"K", b"D", b"E"
NOBODY = bytes(16)  # the digest of a user or conversation that is not known
_KEY = struct.Struct(">c8s16s16s16sIQ48s")
_DESTROYED = struct.Struct(">c16scQ")
_ERASURE = struct.Struct(">c16s16scQI?")
_SUM = struct.Struct(">I")
_REASONS = {b"E": "erased", b"X": "expired", b"L": "unwritten"}
_KINDS = {b"U": "user", b"C": "conversation"}


class Slot(Protocol):
    """Anything that fills a place."""

    def pack(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key under the key-encryption key ``kek_id``. It serves one user, one conversation and one last day."""

    key_id: bytes
    user: bytes  # digests
    conversation: bytes
    expires_day: int
    made_us: int
    kek_id: bytes
    wrapped: bytes = field(repr=False)

    @property
    def bound(self) -> bytes:
        """What the wrapped bytes are bound to: a key that was moved to another owner or day does not unwrap."""
        return b"".join((self.key_id, self.user, self.conversation, struct.pack(">IQ", self.expires_day, self.made_us)))

    def pack(self) -> bytes:
        """The place's 128 bytes."""
        return _seal(
            _KEY.pack(
                *(KEY, self.kek_id, self.key_id, self.user, self.conversation),
                *(self.expires_day, self.made_us, self.wrapped),
            )
        )


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What is left of a data key: its id, when it went and why: ``erased``, ``expired``, or ``unwritten``, of
    which there never was more (see ``bereft.py``)."""

    key_id: bytes
    reason: str
    at_us: int

    def pack(self) -> bytes:
        """The place's 128 bytes; nothing of the key is among them."""
        letter = next(letter for letter, word in _REASONS.items() if word == self.reason)
        return _seal(_DESTROYED.pack(DESTROYED, self.key_id, letter, self.at_us))


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that was begun: of whom (``of`` is ``user`` or ``conversation``), when, how many keys it destroyed.

    ``event_id`` (16 bytes) is the id of its audit record; ``recorded`` says that this record is on disk.
    """

    event_id: bytes
    subject: bytes  # digest
    of: str
    at_us: int
    keys: int = 0
    recorded: bool = False

    def plus(self, keys: int) -> Erasure:
        """The same with so many more destroyed keys."""
        return replace(self, keys=self.keys + keys)

    def pack(self) -> bytes:
        """The place's 128 bytes."""
        letter = next(letter for letter, word in _KINDS.items() if word == self.of)
        values = (self.event_id, self.subject, letter, self.at_us, self.keys, self.recorded)
        return _seal(_ERASURE.pack(ERASURE, *values))


class Erased:
    """Erasures by whom they are of, for a quick answer to each text."""

    def __init__(self, erasures: Iterable[Erasure] = ()) -> None:
        self._until: dict[tuple[str, bytes], int] = {}
        for one in erasures:
            name = (one.of, one.subject)
            self._until[name] = max(one.at_us, self._until.get(name, 0))

    def covers(self, user: bytes, conversation: bytes, ts_us: int) -> bool:
        """True for what was said before an erasure of its user or conversation, and must not be written after it."""
        return (
            ts_us <= self._until.get(("user", user), -1)
            or ts_us <= self._until.get(("conversation", conversation), -1)
        )  # fmt: skip


def read_slot(data: bytes) -> Wrapped | Destroyed | Erasure | None:
    """What a place holds; None for one that is empty or damaged."""
    if len(data) != SIZE or data[-_SUM.size :] != _SUM.pack(zlib.crc32(data[: -_SUM.size])):
        return None
    if data[:1] == KEY:
        _, kek_id, key_id, user, conversation, expires_day, made_us, wrapped = _KEY.unpack_from(data)
        return Wrapped(key_id, user, conversation, expires_day, made_us, kek_id, wrapped)
    if data[:1] == DESTROYED:
        _, key_id, letter, at_us = _DESTROYED.unpack_from(data)
        return Destroyed(key_id, _REASONS[letter], at_us) if letter in _REASONS else None
    if data[:1] == ERASURE:
        _, event_id, subject, letter, at_us, keys, recorded = _ERASURE.unpack_from(data)
        return Erasure(event_id, subject, _KINDS[letter], at_us, keys, recorded) if letter in _KINDS else None
    return None


def _seal(body: bytes) -> bytes:
    body = body.ljust(SIZE - _SUM.size, b"\0")
    return body + _SUM.pack(zlib.crc32(body))
