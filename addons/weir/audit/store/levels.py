"""Keeping the number of Parquet files small without a reader noticing.

Each pass of the ingester writes one small hot file. When enough have gathered they are merged into one warm file, and
warm files into a cold one. A reader must see every row exactly once at any moment, with stock DuckDB and no lock:

- The merged file lands first, its rows not yet visible: the views show hot rows above the watermark only, warm rows up
  to it. After ``settle_s`` (longer than a query needs to begin) one rename moves the watermark, and the rows change
  level for all readers at once.
- Hot and warm files are slots that are written again and again, never unlinked: a query that has listed a slot will
  still find it. A slot is written anew only ``grace_s`` after its rows moved on, when queries that still count on them
  have ended. Cold files are never touched.

What is where follows from the files alone, so a crash at any point is mended by looking (``recover``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from weir.audit.record import TABLES
from weir.audit.store.parquet import LEVELS, ParquetFiles

__all__ = ["Levels"]

Range = tuple[int, int]  # first and last batch


@dataclass(slots=True)
class _Ring:
    """The slots of one level: by number, with the batches whose rows are visible there, or since when they are not."""

    live: dict[int, Range] = field(default_factory=dict)
    retired: dict[int, float] = field(default_factory=dict)
    pending: set[int] = field(default_factory=set)

    def free(self) -> int:
        """The lowest number not in use; the ring grows as it must."""
        number = 0
        while number in self.live or number in self.retired or number in self.pending:
            number += 1
        return number


@dataclass(frozen=True, slots=True)
class _Move:
    """A merge that has landed and waits for its watermark."""

    slots: tuple[int, ...]
    batches: Range
    target: str
    landed: float


class Levels:
    """The hot, warm and cold files of one store. One thread, one process."""

    def __init__(
        self,
        files: ParquetFiles,
        *,
        merge_at: int = 64,
        settle_s: float = 2.0,
        grace_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``merge_at``: how many files of a level are merged into one of the next."""
        self._files, self._clock = files, clock
        self._merge_at, self._settle_s, self._grace_s = merge_at, settle_s, grace_s
        self._rings = (_Ring(), _Ring())
        self._moves: list[_Move | None] = [None, None]
        self._marks = [0, 0]

    def last_batch(self) -> int:
        """The highest batch whose events are in the store: where to go on when the cursor is lost."""
        last = self._files.read_watermark()[0]
        return max([last, *(high for _, high in self._files.batches("hot", "events").values())])

    def recover(self, next_batch: int) -> None:
        """Learn from the files what is where; take back what a crash left half done.

        ``next_batch`` is the first batch that the cursor does not cover: it will be ingested again.
        """
        self._marks = list(self._files.read_watermark())
        warm, cold = self._marks
        for ring, level, visible_from, orphan_from in (
            (self._rings[0], "hot", warm + 1, next_batch),
            (self._rings[1], "warm", cold + 1, warm + 1),
        ):
            for table in TABLES:
                for path, (first, last) in self._files.batches(level, table).items():
                    slot = int(path.stem)
                    if last >= orphan_from:
                        self._files.empty(table, path)
                    elif table == "events" and last >= visible_from:
                        ring.live[slot] = (first, last)
                    elif table == "events":
                        ring.retired[slot] = self._clock()
        for table in TABLES:
            for path in self._files.directory("cold", table).glob("[0-9]*.parquet"):
                if int(path.stem.rpartition("-")[2]) > cold:
                    path.unlink()  # merged, never shown

    def hot_slot(self) -> tuple[int, dict[str, Path]]:
        """A slot for the next batch, with its path for every table."""
        slot = self._rings[0].free()
        return slot, {table: self._path(0, table, f"{slot:05d}") for table in TABLES}

    def added(self, slot: int, batch: int) -> None:
        """The batch stands in the slot and its cursor is durable."""
        self._rings[0].live[slot] = (batch, batch)

    def step(self) -> None:
        """Do what is due: free slots, move the watermark, merge. Raises duckdb.Error or OSError on a full disk; the
        next call tries again."""
        now = self._clock()
        for ring in self._rings:
            for slot in [slot for slot, since in ring.retired.items() if now - since >= self._grace_s]:
                del ring.retired[slot]
        for level in (0, 1):
            move = self._moves[level]
            if move is not None and now - move.landed >= self._settle_s:
                self._show(level, move, now)
            elif move is None and len(self._rings[level].live) >= self._merge_at:
                self._moves[level] = self._merge(level)

    def _merge(self, level: int) -> _Move:
        ring = self._rings[level]
        slots = tuple(sorted(ring.live, key=lambda slot: ring.live[slot]))
        first, last = ring.live[slots[0]][0], ring.live[slots[-1]][1]
        target = f"{self._rings[1].free():05d}" if level == 0 else f"{first:012d}-{last:012d}"
        for table in reversed(TABLES):  # events last: they are what `recover` goes by
            sources = [self._path(level, table, f"{slot:05d}") for slot in slots]
            self._files.merge(table, sources, first, last, self._path(level + 1, table, target))
        if level == 0:
            self._rings[1].pending.add(int(target))
        return _Move(slots, (first, last), target, self._clock())

    def _show(self, level: int, move: _Move, now: float) -> None:
        marks = list(self._marks)
        marks[level] = move.batches[1]
        self._files.write_watermark((marks[0], marks[1]))
        self._marks, self._moves[level] = marks, None
        ring = self._rings[level]
        for slot in move.slots:
            del ring.live[slot]
            ring.retired[slot] = now
        if level == 0:
            slot = int(move.target)
            self._rings[1].pending.discard(slot)
            self._rings[1].live[slot] = move.batches

    def _path(self, level: int, table: str, name: str) -> Path:
        return self._files.directory(LEVELS[level], table) / f"{name}.parquet"
