"""Remembers what a text held, so that a chat's history is not scanned again on every turn. Spans only, never text."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

from weir.frozen import quick

__all__ = ["ScanCache", "Scanned", "Span"]


@quick
@dataclass(frozen=True, slots=True)
class Span:
    """A hit in one text, without the text."""

    detector: str
    severity: str
    start: int
    end: int
    score: float
    fingerprint: str


@quick
@dataclass(frozen=True, slots=True)
class Scanned:
    """The result for one text. ``reason`` says why it is not complete; "" when it is."""

    spans: tuple[Span, ...] = ()
    reason: str = ""


class ScanCache:
    """At most ``entries_max`` results, the least used go first. Safe to use from several threads."""

    def __init__(self, key: bytes, version: str, entries_max: int) -> None:
        # A keyed digest: what is cached can't be used to test guesses at what was said.
        seed = hashlib.blake2b(key + version.encode(), digest_size=32, person=b"weir-dlp-cache").digest()
        self._hasher = hashlib.blake2b(key=seed, digest_size=16)
        self._entries_max = entries_max
        self._entries: OrderedDict[bytes, Scanned] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, data: bytes, *, seam: bool = False) -> bytes:
        """The name under which the result for the text with these UTF-8 bytes is kept; with ``seam``, as one text
        put together from several, in which not everything is looked for."""
        hasher = self._hasher.copy()
        hasher.update(data)
        if seam:
            hasher.update(b"\xff")  # no text in UTF-8 holds this byte
        return hasher.digest()

    def get(self, key: bytes) -> Scanned | None:
        """The result kept under ``key``, which thereby counts as used."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: bytes, scanned: Scanned) -> None:
        """Keep a result; the least used goes when there are too many."""
        if self._entries_max <= 0:
            return
        with self._lock:
            self._entries[key] = scanned
            self._entries.move_to_end(key)
            while len(self._entries) > self._entries_max:
                self._entries.popitem(last=False)

    def __contains__(self, key: bytes) -> bool:
        """True when a result is kept under ``key``; it does not count as used."""
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)
