"""Retention: keys whose last day is over are destroyed, files that nothing can be read from any more are removed.

The key ends the text, to the day, whatever other texts share its file; the file follows when its last key is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weir.audit.content.entries import Head
from weir.audit.content.keystore import KeyStore, day_of
from weir.audit.content.segments import claimed, listed, walk_heads
from weir.audit.content.slots import Destroyed, Wrapped
from weir.audit.spool.segment import sync_directory

__all__ = ["Pruned", "prune"]


def _nobody(_: Path) -> None:
    """Nobody need know."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went: data keys, segment files with their bytes, places of the key file."""

    keys: int
    files: int
    bytes: int
    places: int


def prune(directory: Path, now_us: int, removing: Callable[[Path], None] = _nobody) -> Pruned:
    """Do all that is due at ``now_us``; may be repeated and interrupted at any point, while others write.

    ``removing`` is told of each file before it goes. Raises OSError, KeyFileError, or what ``removing`` raises.
    """
    store = KeyStore(directory)
    keys = store.expire(now_us)
    files = size = 0
    named: set[bytes] = set()  # keys that entries of remaining files name
    live = store.live()
    for segment in listed(directory):
        with claimed(segment.path) as fd:
            heads = list(walk_heads(segment.path))
            there = {head.key_id for head in heads if head is not None}
            needed = _unread(heads) or _tells(store, heads, day_of(now_us)) or _has_key(store, there)
            if fd is None or needed or not live.isdisjoint(there):
                named |= there
                continue
            removing(segment.path)
            size += segment.path.stat().st_size
            segment.path.unlink()
            files += 1
    if files:
        sync_directory(directory)
    return Pruned(keys, files, size, store.compact(named.__contains__, now_us))


def _unread(heads: list[Head | None]) -> bool:
    """True when a file holds something, and nothing of it can be read: that is for somebody to look at."""
    return bool(heads) and not any(heads)


def _has_key(store: KeyStore, key_ids: set[bytes]) -> bool:
    """Asked again before a file goes: its writer may have added a key since ``live`` was."""
    return any(isinstance(slot, Wrapped) for slot in store.lookup(key_ids).values())


def _tells(store: KeyStore, heads: list[Head | None], today: int) -> bool:
    """Whether a file says of events that their texts were never written, and is still to say so."""
    husks = {head.key_id for head in heads if head is not None and not head.count and head.expires_day >= today}
    slots = store.lookup(husks).values() if husks else ()
    return any(isinstance(slot, Destroyed) and slot.reason == "unwritten" for slot in slots)
