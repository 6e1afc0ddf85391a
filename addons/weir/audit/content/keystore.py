"""Data keys: what is added, opened, destroyed. Reading a text needs its data key; destroying that is erasing.

A key serves one user, one conversation, one last day, and encrypts only in the process that made it. So erasing a user
or a conversation, or letting a day expire, destroys whole keys and never touches another's text.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from weir.audit.content.kek import KeyRing
from weir.audit.content.keyfile import KeyFile, KeyFileError, Places, digest_of
from weir.audit.content.slots import Destroyed, Erasure, Wrapped

__all__ = ["SUBJECTS", "Done", "KeyFileError", "KeyStore", "Rewrapped", "day_of"]

SUBJECTS = ("user", "conversation")
_DAY_US = 86_400_000_000
_TELL_US = 7 * _DAY_US  # for so long a recorded erasure is kept: longer than any exchange takes to end


def day_of(ts_us: int) -> int:
    """Days since the epoch (UTC)."""
    return ts_us // _DAY_US


@dataclass(frozen=True, slots=True)
class Done:
    """An erasure whose keys are destroyed. ``event_id``: the id that its audit record must have; ``subject``: the
    digest (hex) by which the content store knew the user or conversation."""

    event_id: str
    of: str
    subject: str
    at_us: int
    keys: int
    recorded: bool


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """A rotation's outcome: keys now under the current key, and those whose wrapping key the ring lacks."""

    done: int
    unopened: int


class KeyStore:
    """The data keys of one content directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = KeyFile(directory)

    def salt(self) -> bytes:
        """What names are digested with. Raises KeyFileError or OSError."""
        with self.file.changing() as places:
            return places.salt

    def lookup(self, key_ids: Iterable[bytes]) -> dict[bytes, Wrapped | Destroyed]:
        """What is known of these keys; one that is missing was never here, or its place is damaged."""
        if not self.file.exists():
            return {}
        with self.file.changing() as places:
            return {key_id: slot for key_id, (_, slot) in places.find(key_ids).items()}

    def erase(self, of: str, name: str, now_us: int) -> Done:
        """Destroy every key of the user or conversation ``name`` (``of`` is one of SUBJECTS), durably.

        First the intention is written, then the keys are overwritten: after a crash between any two steps ``resume``
        or another ``erase`` completes it. Call ``recorded`` once the audit record with ``event_id`` is on disk. An
        erasure that is not recorded yet is gone on with, under its event id. Raises ValueError for an empty name.
        """
        if of not in SUBJECTS:
            raise ValueError(f"an erasure is of a {' or '.join(SUBJECTS)}")
        if not name:
            raise ValueError(f"the {of} to be erased needs a name")
        with self.file.changing() as places:
            subject = digest_of(places.salt, of, name)
            begun = next((one for one in _erasures(places) if (one[1].of, one[1].subject) == (of, subject)), None)
            places.advance()
            if begun is not None and not begun[1].recorded:
                erasure = replace(begun[1], at_us=max(begun[1].at_us, now_us))
                places.write([(begun[0], erasure)])
            else:
                erasure = Erasure(uuid.uuid4().bytes, subject, of, now_us)
                places.append([erasure])
            return _destroy(places, erasure, now_us)

    def resume(self, now_us: int) -> list[Done]:
        """Complete every erasure that has no record yet, and return them: their records are to be written."""
        if not self.file.exists():
            return []
        with self.file.changing() as places:
            begun = [one for _, one in _erasures(places) if not one.recorded]
            if begun:
                places.advance()
            return [_destroy(places, one, now_us) for one in begun]

    def recorded(self, event_id: str) -> None:
        """The audit record of this erasure is on disk. Does nothing when that is known or there is no such erasure."""
        wanted = uuid.UUID(event_id).bytes
        with self.file.changing() as places:
            places.write(
                [(number, replace(one, recorded=True)) for number, one in _erasures(places) if one.event_id == wanted]
            )

    def erasures(self) -> list[Erasure]:
        """Erasures of the last days, and all that are not recorded yet."""
        if not self.file.exists():
            return []
        with self.file.changing() as places:
            return [one for _, one in _erasures(places)]

    def live(self) -> set[bytes]:
        """The ids of all keys that are not destroyed."""
        if not self.file.exists():
            return set()
        with self.file.changing() as places:
            return {slot.key_id for _, slot in places.each() if isinstance(slot, Wrapped)}

    def due(self, now_us: int) -> int:
        """How many keys ``expire`` would destroy."""
        if not self.file.exists():
            return 0
        today = day_of(now_us)
        with self.file.changing() as places:
            return sum(isinstance(slot, Wrapped) and slot.expires_day < today for _, slot in places.each())

    def expire(self, now_us: int) -> int:
        """Destroy the keys whose last day is over; returns how many."""
        if not self.file.exists():
            return 0
        today = day_of(now_us)
        with self.file.changing() as places:
            over = [
                (number, Destroyed(slot.key_id, "expired", now_us))
                for number, slot in places.each()
                if isinstance(slot, Wrapped) and slot.expires_day < today
            ]
            if over:
                places.advance()
                places.write(over)
        return len(over)

    def compact(self, needed: Callable[[bytes], bool], now_us: int) -> int:
        """Leave out what nobody asks for any more: destroyed keys that no entry names (``needed``), old erasures.

        Returns how many places went. The file is rewritten only when that halves it, or nearly.
        """
        if not self.file.exists():
            return 0

        def stays(slot: Wrapped | Destroyed | Erasure | None) -> bool:
            if isinstance(slot, Erasure):
                return not slot.recorded or slot.at_us >= now_us - _TELL_US
            if isinstance(slot, Destroyed):  # of the last day: an entry may just be on its way to the disk
                return slot.at_us >= now_us - _DAY_US or needed(slot.key_id)
            return slot is not None

        with self.file.changing() as places:
            less = places.count - 2 - sum(stays(slot) for _, slot in places.each())
            if less * 3 < places.count:
                return 0
            places.rewrite(slot for _, slot in places.each() if slot is not None and stays(slot))
            return less

    def unopened(self, ring: KeyRing) -> int:
        """How many keys are wrapped by none of the ring's."""
        if not self.file.exists():
            return 0
        with self.file.changing() as places:
            return sum(slot.kek_id not in ring.ids for _, slot in places.each() if isinstance(slot, Wrapped))

    def rewrap(self, ring: KeyRing) -> Rewrapped:
        """Put every key under the ring's current key: the middle of a rotation. The old file's bytes are overwritten.

        From then on nobody can store a key under another one. Safe to repeat, and to interrupt. When the ring lacks the
        wrapping key of any, nothing is changed and they are counted: it may be another store's ring.
        """
        if not self.file.exists():
            return Rewrapped(0, 0)
        with self.file.changing() as places:
            ids = [slot.kek_id for _, slot in places.each() if isinstance(slot, Wrapped)]
            known = set(ids) <= set(ring.ids)
            if known and (places.wrapping != ring.current or set(ids) - {ring.current}):
                slots = (_under(ring, slot) for _, slot in places.each() if slot is not None)
                places.rewrite(slots, wrapping=ring.current)
        with self.file.changing() as places:
            ids = [slot.kek_id for _, slot in places.each() if isinstance(slot, Wrapped)]
            return Rewrapped(ids.count(ring.current), len(ids) - ids.count(ring.current))


def _under(ring: KeyRing, slot: Wrapped | Destroyed | Erasure) -> Wrapped | Destroyed | Erasure:
    """The slot, its key under the ring's current key if the ring can open it."""
    if not isinstance(slot, Wrapped) or slot.kek_id == ring.current:
        return slot
    key = ring.unwrap(slot.kek_id, slot.key_id, slot.wrapped, slot.bound)
    if key is None:
        return slot
    return replace(slot, kek_id=ring.current, wrapped=ring.wrap(slot.key_id, key, slot.bound))


def _erasures(places: Places) -> list[tuple[int, Erasure]]:
    """Newest last; of each subject those that are not recorded come first when looked for."""
    found = [(number, slot) for number, slot in places.each() if isinstance(slot, Erasure)]
    return sorted(found, key=lambda one: (one[1].recorded, one[1].at_us))


def _destroy(places: Places, erasure: Erasure, now_us: int) -> Done:
    """Overwrite the keys of an erasure, and every place that can't be read: it could be one of them."""
    over: list[tuple[int, Destroyed | None]] = []
    number = -1
    for place, slot in places.each():
        if isinstance(slot, Wrapped):
            if erasure.subject == (slot.user if erasure.of == "user" else slot.conversation):
                over.append((place, Destroyed(slot.key_id, "erased", now_us)))
        elif slot is None:
            over.append((place, None))
        elif isinstance(slot, Erasure) and slot.event_id == erasure.event_id:
            number = place
    places.write(over)
    done = erasure.plus(sum(slot is not None for _, slot in over))
    if done.keys != erasure.keys:
        places.write([(number, done)])
    return Done(str(uuid.UUID(bytes=done.event_id)), done.of, done.subject.hex(), done.at_us, done.keys, done.recorded)
