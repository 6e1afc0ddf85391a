"""Brings a batch of encrypted events to disk: keys first, then the entries, both under the key file's lock.

A data key is on disk before the first text under it, else a crash would leave texts that nobody can read. And an
erasure stands wholly before a commit or wholly after it: of what it overtook in the queue a husk is written, an entry
without parts under a key that is destroyed, so that the event's record does not look for texts that were taken away.
"""

from __future__ import annotations

import errno
import secrets
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from weir.audit.content.entries import Head, frame
from weir.audit.content.kek import KeyRing, KeyRingError
from weir.audit.content.keyfile import KeyFile, Places
from weir.audit.content.keystore import day_of
from weir.audit.content.sealer import DataKey, Sealed, Sealer
from weir.audit.content.segments import name_of
from weir.audit.content.slots import Destroyed, Erased, Erasure, Wrapped
from weir.audit.record import now_us
from weir.audit.spool.room import FULL, Room
from weir.audit.spool.segment import Segment

__all__ = ["Committer", "Renewable"]


@runtime_checkable
class Renewable(Protocol):
    """Wrapping keys that somebody holds for a while: they can be asked for anew."""

    def renewed(self) -> KeyRing:
        """The keys as they are now. Raises KeyRingError."""
        ...


class Committer:
    """One writer's segments in ``directory``. One thread."""

    def __init__(
        self,
        directory: Path,
        sealer: Sealer,
        ring: Callable[[], KeyRing],
        segment_bytes_max: int = 32 << 20,
        room: Room | None = None,
    ) -> None:
        """``ring`` gives the wrapping keys, and is asked only when there are new data keys. ``room``: below its floor
        nothing is written."""
        self._directory, self._sealer, self._ring = directory, sealer, ring
        self._segment_bytes_max, self._room = segment_bytes_max, room
        self._file = KeyFile(directory)
        self._seen = -1  # generation at the last look
        self._name, self._number = secrets.token_hex(4), 0
        self._segment: Segment | None = None
        self._gone: dict[str, Destroyed] = {}  # keys of husks, by reason, until these are on disk
        self.overtaken = 0  # events that were not written because an erasure or their last day came first

    def commit(self, batch: Sequence[Sealed]) -> None:
        """Write what is still to be kept, durably. After an error call it again with the same batch.

        Raises OSError, KeyFileError, or KeyRingError.
        """
        if self._room is not None:
            self._room.check()
        with self._file.changing() as places:
            self._learn(places)
            # Keys of this generation are whole; only those that an event was waiting with are looked for.
            asked = {one.key.key_id for one in batch if one.key.stored and one.key.generation != self._seen}
            destroyed = {key_id for key_id, (_, slot) in places.find(asked).items() if isinstance(slot, Destroyed)}
            kept = [sealed for sealed in batch if not self._is_over(sealed, destroyed)]
            over = [sealed for sealed in batch if self._is_over(sealed, destroyed)] if len(kept) < len(batch) else []
            self._store_keys(places, kept)
            data = b"".join(frame(payload) for payload in (*(one.payload for one in kept), *self._husks(places, over)))
            if data:
                self._append(data)
            self._gone.clear()
        self.overtaken += len(batch) - len(kept)

    def look(self) -> None:
        """Without anything to write: learn of erasures, so that erased keys leave this process's memory too.

        Raises OSError or KeyFileError.
        """
        if self._file.generation() != self._seen:
            with self._file.changing() as places:
                self._learn(places)

    def close(self) -> None:
        """Give the rest of the reserved space back. Nothing is committed after."""
        self._file.close()
        if self._segment is not None:
            with suppress(OSError):  # what was acknowledged is on disk already; closing only tidies up
                self._segment.close()

    def _learn(self, places: Places) -> None:
        if places.generation != self._seen:
            self._sealer.erased = Erased(slot for _, slot in places.each() if isinstance(slot, Erasure))
            self._sealer.forget()
            self._seen = places.generation

    def _is_over(self, sealed: Sealed, destroyed: set[bytes]) -> bool:
        key = sealed.key
        return (
            key.key_id in destroyed
            or key.expires_day < day_of(now_us())
            or self._sealer.erased.covers(key.user, key.conversation, sealed.ts_us)
        )

    def _store_keys(self, places: Places, batch: Sequence[Sealed]) -> None:
        new = {sealed.key.key_id: sealed.key for sealed in batch if not sealed.key.stored}
        if not new:
            return
        ring = self._ring()
        # A ring from before a rotation would wrap keys that nobody can open once the old key is gone. A new key that
        # stands in front, of a rotation that has not come to the key file yet, wraps nothing before it does.
        under = places.wrapping if places.wrapping.strip(b"\0") else b""
        if under and under not in ring.ids and isinstance(self._ring, Renewable):
            ring = self._ring.renewed()
        if under and under not in ring.ids:
            raise KeyRingError("the content keys were rotated, and the ones at hand are from before")
        places.append([_wrapped(ring, key, under or ring.current) for key in new.values()])
        for key in new.values():
            key.stored = True

    def _husks(self, places: Places, over: Sequence[Sealed]) -> list[bytes]:
        """What is stored of events that are over before they were written: that they were, for their records name them.

        After an error the same keys serve again: a disk that is full for long must not fill the key file.
        """
        if not over:
            return []
        today, now = day_of(now_us()), now_us()
        reasons = ["expired" if sealed.key.expires_day < today else "erased" for sealed in over]
        for reason in set(reasons) - self._gone.keys():
            self._gone[reason] = Destroyed(secrets.token_bytes(16), reason, now)
        there = places.find(
            [one.key_id for one in self._gone.values()]
        )  # one that nothing names may have been left out
        places.append([one for one in self._gone.values() if one.key_id not in there])
        return [
            Head(uuid.UUID(one.event_id).bytes, self._gone[reason].key_id, one.ts_us, one.key.expires_day, 0).pack()
            for one, reason in zip(over, reasons, strict=True)
        ]

    def _append(self, data: bytes) -> None:
        if self._segment is not None and (self._segment.lost or 0 < self._segment.end > self._segment.size - len(data)):
            old, self._segment = self._segment, None
            old.close()
        if self._segment is None:
            name = name_of(now_us() // 1000, self._name, self._number + 1)
            wanted = max(self._segment_bytes_max, len(data))
            if self._room is not None and (wanted := min(wanted, self._room.above_floor())) < len(data):
                raise OSError(errno.ENOSPC, FULL)
            self._segment = Segment(self._directory / name, wanted)
            self._number += 1
        self._segment.append(data)


def _wrapped(ring: KeyRing, key: DataKey, under: bytes) -> Wrapped:
    bare = Wrapped(key.key_id, key.user, key.conversation, key.expires_day, key.made_us, under, b"")
    return replace(bare, wrapped=ring.wrap(key.key_id, key.secret, bare.bound, under))
