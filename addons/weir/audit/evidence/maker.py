"""When a checkpoint is due, and making it: every 1,000 rows, every 60 seconds in which a row came, at start and close.

Pure: rows are handed in by their hashes, the clock by the caller; what comes back are the bytes to keep and to publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from weir.audit.evidence.entries import AnyEntry, Checkpoint, Files, Rotation, Sum
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.merkle import Frontier, leaf_hash
from weir.audit.evidence.note import SigningKey, sign_note
from weir.audit.spool.lines import GENESIS

__all__ = ["INTERVAL_US", "ROWS_MAX", "Maker"]

ROWS_MAX = 1_000
INTERVAL_US = 60_000_000


class Maker:
    """Grows one boot's tree and signs checkpoints of it. One for each chain of rows, one after the other."""

    def __init__(
        self,
        key: SigningKey,
        proxy_id: str,
        boot_id: str,
        log: LogReport | None = None,
        *,
        rows_max: int = ROWS_MAX,
        interval_us: int = INTERVAL_US,
    ) -> None:
        """``log``: what ``examine_log`` said of the log so far; the first checkpoint follows its last entry.

        Raises ValueError when the log ends with another key than ``key``.
        """
        if log is not None and log.key is not None and log.key != key.verifier:
            raise ValueError("the log ends with another key than the one at hand")
        self._key, self._proxy_id, self._boot_id = key, proxy_id, boot_id
        self._number, self._previous = (log.number, log.digest) if log else (0, GENESIS)
        self._rows_max, self._interval_us = rows_max, interval_us
        self._tree, self._head = Frontier(), GENESIS
        self._signed_size, self._signed_ts = -1, 0

    @property
    def size(self) -> int:
        """How many rows the tree has."""
        return self._tree.size

    @property
    def signed(self) -> int:
        """How many rows the last checkpoint made here covers; -1 before the first."""
        return self._signed_size

    @property
    def tree(self) -> Frontier:
        """The tree as it stands; not to be changed."""
        return self._tree

    @property
    def many(self) -> bool:
        """Whether so many rows came since the last checkpoint that one is due."""
        return self._tree.size - max(self._signed_size, 0) >= self._rows_max

    def pace(self, rows_max: int, interval_us: int) -> None:
        """How often to sign from now on."""
        self._rows_max, self._interval_us = rows_max, interval_us

    def take_up(self, tree: Frontier, head: str) -> None:
        """Begin with a tree that was put aside, and the hash of its last row."""
        self._tree, self._head = Frontier(tree.size, tree.hashes), head

    def add(self, row_hash: str) -> None:
        """Add the next row by its hash (64 hex digits). Raises ValueError for anything else."""
        raw = bytes.fromhex(row_hash)
        if len(raw) != 32:
            raise ValueError("a row hash has 64 hex digits")
        self._tree.append(leaf_hash(raw))
        self._head = row_hash

    def resume(self, last: Checkpoint) -> None:
        """Go on after ``last``, a checkpoint that was made of this boot before; its rows were added again.

        Raises ValueError when they are fewer than it was signed over.
        """
        if last.size > self.size:
            raise ValueError("there are fewer rows than were signed")
        self._signed_size, self._signed_ts = last.size, last.ts

    def due(self, now: int) -> str:
        """Why a checkpoint is due at ``now`` (µs since the epoch); "" when none is. A clock that went back is no
        reason to wait: then one is due as soon as there is a row to sign."""
        if self._signed_size < 0:
            return "start"
        new = self.size - self._signed_size
        if new >= self._rows_max:
            return "rows"
        if new and not 0 <= now - self._signed_ts < self._interval_us:
            return "time"
        return ""

    def after(self, log: LogReport) -> Self:
        """Follow the last entry of a log that others add to as well."""
        self._number, self._previous = log.number, log.digest
        return self

    def make(self, now: int, reason: str) -> bytes:
        """The signed note of the tree as it stands. The caller keeps it before it makes another."""
        made = Checkpoint(
            proxy_id=self._proxy_id,
            boot_id=self._boot_id,
            size=self.size,
            root=self._tree.root(),
            number=self._number + 1,
            ts=now,
            previous=self._previous,
            head=self._head,
            reason=reason,
        )
        self._took(made)
        self._signed_size, self._signed_ts = made.size, now
        return sign_note(made.text, self._key)

    def rotate(self, new: SigningKey, now: int) -> bytes:
        """The note by which ``new`` takes over, signed by both. Raises ValueError when it has another name."""
        if new.verifier.name != self._key.verifier.name or new.verifier == self._key.verifier:
            raise ValueError("the new key must be another one under the same name")
        made = Rotation(
            proxy_id=self._proxy_id,
            number=self._number + 1,
            ts=now,
            previous=self._previous,
            old=self._key.verifier,
            new=new.verifier,
        )
        note = sign_note(made.text, self._key, new)
        self._took(made)
        self._key = new
        return note

    def files(self, removed: Sequence[tuple[str, Sum]], sealed: Sequence[tuple[str, Sum]], now: int) -> bytes:
        """The note about files that were taken away, or are closed for good; at most ``FILES_MAX`` in all."""
        made = Files(
            proxy_id=self._proxy_id,
            number=self._number + 1,
            ts=now,
            previous=self._previous,
            removed=tuple(removed),
            sealed=tuple(sealed),
        )
        self._took(made)
        return sign_note(made.text, self._key)

    def _took(self, entry: AnyEntry) -> None:
        self._number, self._previous = entry.number, entry.digest
