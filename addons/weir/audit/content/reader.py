"""Reading kept texts back, by event id, with the wrapping keys; and, without any key, whether they are as they were."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

from weir.audit.content.entries import BadEntry, Entry, read_head
from weir.audit.content.kek import KeyRing
from weir.audit.content.keystore import KeyStore
from weir.audit.content.parts import Content
from weir.audit.content.sealer import open_entry
from weir.audit.content.segments import SegmentFile, listed, pick, walk
from weir.audit.content.slots import Destroyed, Wrapped

__all__ = ["STATES", "ContentReader", "Gone", "Opened", "Unreadable"]

# What `check` says of an event's texts. Missing: no entry (never written, removed, damaged). Lost: its key is gone,
# and nothing says that it was destroyed. Altered: not the bytes whose hash the record holds. Unwritten: weir ended
# before they were on disk, and the next start said so.
STATES = ("whole", "erased", "expired", "missing", "lost", "altered", "unwritten")
_SLOTS_MAX = 1024
_SAID = {
    "missing": "no texts of this event are kept here, or they are damaged",
    "erased": "the texts of this event were erased",
    "expired": "the texts of this event were kept for as long as the policy said",
    "lost": "the key to the texts of this event is not in the key file",
    "locked": "the content key that wraps this event's key is not among those given",
    "altered": "the texts of this event were changed since they were written",
    "unwritten": "the texts of this event were lost: weir ended before they were on disk",
}


class Unreadable(Exception):
    """The texts of an event can't be read. ``why`` is one of STATES, or ``locked``: the wrapping key is another."""

    def __init__(self, why: str) -> None:
        super().__init__(_SAID[why])
        self.why = why


@dataclass(frozen=True, slots=True)
class Opened:
    """The texts of an event, and the hash of what they were stored as."""

    event_id: str
    ts_us: int
    content: Content = field(repr=False)
    ct_hash: str


@dataclass(frozen=True, slots=True)
class Gone:
    """An event whose texts can't be read, and why (as in Unreadable)."""

    event_id: str
    why: str


class ContentReader:
    """Reads a content directory that others write to. Holds one entry in memory at a time."""

    def __init__(self, directory: Path, ring: KeyRing | None = None) -> None:
        """Without ``ring`` everything is ``locked``, and ``check`` still works."""
        self._directory, self._ring = directory, ring
        self._keys = KeyStore(directory)
        self._generation, self._slots = -1, dict[bytes, Wrapped | Destroyed]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the key file."""
        self._keys.file.close()

    def read(self, event_id: str, ct_hash: str = "") -> Opened:
        """The texts of one event; with ``ct_hash`` (of its record) only if they are the ones that the record names.

        Raises Unreadable, ValueError for an id that is no UUID, OSError or KeyFileError.
        """
        (found,) = self.read_each({event_id: ct_hash})
        if isinstance(found, Gone):
            raise Unreadable(found.why)
        return found

    def read_each(self, events: Mapping[str, str]) -> Iterator[Opened | Gone]:
        """Every one of ``events`` (event id → ``content_ct_hash`` of its record, or "") once, in the order of storage;
        those that have no entry come last."""
        wanted = {uuid.UUID(event_id).bytes: (event_id, ct_hash) for event_id, ct_hash in events.items()}
        for payload in self._payloads(set(wanted)):
            head = read_head(payload)
            event_id, ct_hash = wanted.pop(head.event_id)
            yield self._open(event_id, ct_hash, payload)
        yield from (Gone(event_id, "missing") for event_id, _ in wanted.values())

    def check(self, events: Mapping[str, str]) -> dict[str, str]:
        """What became of the texts of each event (id → ``content_ct_hash``): one of STATES. Needs no wrapping key."""
        states = dict.fromkeys(events, "missing")
        wanted = {uuid.UUID(event_id).bytes: event_id for event_id in events}
        keys: dict[str, bytes] = {}
        for payload in self._payloads(set(wanted)):
            head = read_head(payload)
            event_id = wanted[head.event_id]
            # A husk says that there was never more, and is believed if its key is one that was destroyed.
            husk = not head.count and isinstance(self._slot(head.key_id), Destroyed)
            same = husk or not events[event_id] or sha256(payload).hexdigest() == events[event_id]
            states[event_id] = "lost" if same else "altered"
            if same:
                keys[event_id] = head.key_id
        slots = self._keys.lookup(set(keys.values()))
        for event_id, key_id in keys.items():
            slot = slots.get(key_id)
            if slot is not None:
                states[event_id] = slot.reason if isinstance(slot, Destroyed) else "whole"
        return states

    def problems(self) -> Iterator[str]:
        """Damage in the files, as ``file: byte N: what``. An entry that a crash left unfinished was never promised and
        is none."""
        for segment in listed(self._directory):
            for found in walk(segment.path):
                if found.problem and not found.torn:
                    yield f"{segment.path.name}: byte {found.offset}: {found.problem}"
                elif found.payload:
                    try:
                        Entry.unpack(found.payload)
                    except BadEntry as problem:
                        yield f"{segment.path.name}: byte {found.offset}: {problem}"

    def _open(self, event_id: str, ct_hash: str, payload: bytes) -> Opened | Gone:
        real, head = sha256(payload).hexdigest(), read_head(payload)
        slot = self._slot(head.key_id)
        if not head.count and isinstance(slot, Destroyed):
            return Gone(event_id, slot.reason)
        if ct_hash and ct_hash != real:
            return Gone(event_id, "altered")
        if not isinstance(slot, Wrapped):
            return Gone(event_id, "lost" if slot is None else slot.reason)
        if self._ring is None or slot.kek_id not in self._ring.ids:
            return Gone(event_id, "locked")
        secret = self._ring.unwrap(slot.kek_id, slot.key_id, slot.wrapped, slot.bound)
        try:
            if secret is None:  # the key's place was changed, and its sum made to fit
                raise BadEntry("the key does not unwrap")
            return Opened(event_id, head.ts_us, open_entry(Entry.unpack(payload), secret), real)
        except BadEntry:
            return Gone(event_id, "altered")

    def _slot(self, key_id: bytes) -> Wrapped | Destroyed | None:
        """What is known of a key; remembered as long as no key was taken away."""
        generation = self._keys.file.generation()
        if generation != self._generation or len(self._slots) >= _SLOTS_MAX:
            self._generation, self._slots = generation, {}
        if key_id not in self._slots:
            found = self._keys.lookup([key_id])
            if key_id not in found:
                return None
            self._slots[key_id] = found[key_id]
        return self._slots[key_id]

    def _payloads(self, wanted: set[bytes]) -> Iterator[bytes]:
        """The entry of each wanted event id, the first there is; likely segments first, then all others."""
        likely, others = self._order(wanted)
        for segment in (*likely, *others):
            if not wanted:
                return
            for payload in pick(segment.path, lambda head: head.event_id in wanted):
                wanted.discard(read_head(payload).event_id)
                yield payload

    def _order(self, wanted: Iterable[bytes]) -> tuple[list[SegmentFile], list[SegmentFile]]:
        """An event id begins with the milliseconds it was made at (UUID version 7), a segment's name too."""
        moments = [int.from_bytes(event_id[:6]) for event_id in wanted]
        likely: list[SegmentFile] = []
        others: list[SegmentFile] = []
        for segment in listed(self._directory):
            since, until = segment.period()
            (likely if any(since <= moment <= until for moment in moments) else others).append(segment)
        return likely, others
