"""Keeping the number of Parquet files small without a reader noticing.

Each pass of the ingester writes one small hot file. When enough have gathered they are merged into one warm file, and
warm (or many hot) rows go into day files (``fold.py``). A reader must see every row exactly once at any moment, with
stock DuckDB and no lock:

- What is merged lands first, its rows not yet counting. After ``settle_s`` (longer than a query needs to begin) one
  rename of the marks makes them count and the others not, for all readers at once.
- No file is ever replaced. What no longer counts is removed ``grace_s`` later, when queries that still count on it have
  ended, and only when no query can be about to read it (``readers.py``). While nobody has the store open, at once.

What is where follows from the files alone, so a crash at any point is mended by looking (``recover``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from weir.audit.store.fold import Change, Hide, fold, merge, mergeable, recent
from weir.audit.store.parquet import SEED, Marks, ParquetFiles
from weir.audit.store.parts import Part, Parts
from weir.audit.store.readers import Watch, anybody_reads
from weir.audit.store.slots import Held, Slots
from weir.audit.store.tables import LEVELS

__all__ = ["Levels", "today"]

QUIET_S = 5.0  # a query has opened its files this long after it began
CROWD = 3_000  # files that wait to be removed


def today() -> str:
    """The UTC day, as it stands in the names of day files."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def _nothing(path: Path) -> None:
    """Nobody asked to be told."""


@dataclass(frozen=True, slots=True)
class _Move:
    """What has landed and waits to count: batches up to ``warm`` leave the hot level, up to ``cold`` the warm one."""

    landed: float
    change: Change
    warm: int = 0
    cold: int = 0
    slot: tuple[int, Held] | None = None  # a warm slot that was written


class Levels:
    """The files of one store. One thread, one process."""

    def __init__(
        self,
        files: ParquetFiles,
        *,
        merge_at: int = 64,
        settle_s: float = 2.0,
        grace_s: float = 30.0,
        fold_rows: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
        day: Callable[[], str] = today,
        on_sealed: Callable[[Path], None] = _nothing,
        on_removed: Callable[[Path], None] = _nothing,
    ) -> None:
        """``merge_at``: how many files of a level are merged into one; ``fold_rows``: how many recent rows go to day
        files at once. ``on_sealed`` is told of a day's files that will not change by themselves, once after every
        start; ``on_removed`` of those whose rows others have, or nobody."""
        self._files, self._clock, self._day = files, clock, day
        self._merge_at, self._settle_s, self._grace_s, self._fold_rows = merge_at, settle_s, grace_s, fold_rows
        self._on_sealed, self._on_removed = on_sealed, on_removed
        self.parts = Parts(files)
        self._hot, self._warm = Slots(files, "hot"), Slots(files, "warm")
        self._move: _Move | None = None
        self._marks = Marks()
        self._folded_on = day()
        self._landed: dict[Part, float] = {}
        self._sealed: set[Part] = set()
        self._said = clock()  # when the marks were last written
        self._quiet_s = min(QUIET_S, grace_s)
        self._database = files.root / "audit.duckdb"
        seeds = [files.directory(level, table) / SEED for level, tables in LEVELS.items() for table in tables]
        self._watch = Watch(seeds, clock)

    @property
    def moving(self) -> bool:
        """True while something has landed that does not count yet."""
        return self._move is not None

    def landing(self, table: str) -> list[Part]:
        """The parts of a table that have landed and do not count yet."""
        return [part for part in self._move.change.new if part.table == table] if self._move else []

    def last_batch(self) -> int:
        """The highest batch whose events are in the store: where to go on when the cursor is lost."""
        marks = self._files.read_marks()
        return max([marks.warm, marks.cold, *(high for _, high in self._files.batches("hot", "events").values())])

    def recent_rows(self) -> int:
        """How many events are not in day files yet."""
        return sum(held.rows for slots in (self._hot, self._warm) for held in slots.live.values())

    def recover(self, next_batch: int) -> None:
        """Learn from the files what is where; take back what a crash left half done.

        ``next_batch`` is the first batch that the cursor does not cover: it will be ingested again.
        """
        self._marks, self._move, now = self._files.read_marks(), None, self._clock()
        self._hot.recover(self._marks.warm + 1, next_batch, now)
        self._warm.recover(self._marks.cold + 1, self._marks.warm + 1, now)
        self.parts.recover(self._marks.hidden, now)
        for part in self.parts.retired:
            self._on_removed(self.parts.path(part))
        times = [path.stat().st_mtime for path in self._events()]
        if times and time.strftime("%Y-%m-%d", time.gmtime(min(times))) < self._day():
            self._folded_on = ""

    def _events(self) -> list[Path]:
        return [path for slots in (self._hot, self._warm) for path in slots.paths("events", list(slots.live))]

    def late_paths(self) -> list[Path]:
        """The files of ``late`` that count."""
        return [path for slots in (self._hot, self._warm) for path in slots.paths("late", list(slots.live))]

    def hot_slot(self) -> tuple[int, dict[str, Path]]:
        """A slot for the next batch, with its path for every table. No query has listed any of them."""
        slot = self._hot.fresh()
        return slot, {table: self._hot.path(table, slot) for table in LEVELS["hot"]}

    def added(self, slot: int, batch: int, rows: int) -> None:
        """The batch stands in the slot and its cursor is durable."""
        self._hot.live[slot] = Held(batch, batch, rows)

    def tidy(self) -> None:
        """Remove what no longer counts and nobody can be about to read. To be called between passes. Raises OSError,
        duckdb.Error."""
        now = self._clock()
        if self._alone():
            self._remove(now, self._alone)
        elif self._quiet():
            self._remove(now - self._grace_s, self._quiet)

    def _alone(self) -> bool:
        """Nobody has the store open. Asked before each file: who comes needs longer to list what there is."""
        return not anybody_reads(self._database)

    def _quiet(self) -> bool:
        return self._watch.quiet_s() >= self._quiet_s or self._crowded()

    def _crowded(self) -> bool:
        """So much waits to be removed that a query that fails is the lesser evil."""
        return len(self._hot.retired) + len(self._warm.retired) + len(self.parts.retired) > CROWD

    def close(self) -> None:
        """Let go of what watches the files."""
        self._watch.close()

    def step(self) -> None:
        """Do what is due: let count, merge, fold. Raises duckdb.Error or OSError on a full disk; the next call tries
        again."""
        now = self._clock()
        if self._move is None:
            self._begin(now)
        if self._move is not None and (now - self._move.landed >= self._settle_s or not anybody_reads(self._database)):
            self._show(self._move, now)
        if self._move is None:
            self._seal()

    def settled(self) -> None:
        """Wait until what has landed counts. Raises duckdb.Error, OSError."""
        while self._move is not None:
            self.step()
            if self._move is not None:
                time.sleep(min(0.05, self._settle_s))

    def replace(self, make: Callable[[Hide], Change], *, upto: int = 0) -> Change:
        """Let ``make`` write parts that are to count in place of others, and of all recent rows up to a batch; wait
        until they do. Raises what ``make`` raises, OSError, duckdb.Error: then nothing has changed."""
        self.settled()
        self._landing(lambda: _Move(self._clock(), make(self._hide), warm=upto, cold=upto))
        change = self._move.change if self._move else Change()
        self.settled()
        return change

    def _begin(self, now: float) -> None:
        rows, many = self.recent_rows(), len(self._warm.live) >= self._merge_at
        if rows >= self._fold_rows or many or (rows and self._folded_on != self._day()):
            self._landing(self._fold)
        elif len(self._hot.live) >= self._merge_at:
            self._landing(self._to_warm)
        elif taken := mergeable(self.parts, self._day(), lambda part: self._rests(part, now)):
            self._landing(lambda: _Move(self._clock(), merge(self._files, self.parts, taken, self._hide)))

    def _landing(self, make: Callable[[], _Move]) -> None:
        hidden = set(self._marks.hidden)
        try:
            self._move = make()
        except BaseException:  # what landed of it stays hidden, and goes away like anything that no longer counts
            if set(self._marks.hidden) != hidden:
                self.parts.recover(self._marks.hidden, self._clock())
            raise

    def _hide(self, found: list[Part]) -> None:
        self._write_marks(replace(self._marks, hidden=(*self._marks.hidden, *(part.number for part in found))))

    def _write_marks(self, marks: Marks) -> None:
        marks = replace(marks, version=self._marks.version + 1)
        self._files.write_marks(marks)
        self._marks, self._said = marks, self._clock()

    def _fold(self) -> _Move:
        both = (self._hot, self._warm)
        waiting = [(held.first, slots, slot) for slots in both for slot, held in slots.live.items()]
        taken: dict[Slots, list[int]] = {slots: [] for slots in both}
        rows = last = 0
        for _, slots, slot in sorted(waiting, key=lambda one: one[0]):
            taken[slots].append(slot)
            rows, last = rows + slots.live[slot].rows, slots.live[slot].last
            if rows >= self._fold_rows:
                break
        paths = {
            table: [path for slots in both for path in slots.paths(table, taken[slots])] for table in LEVELS["hot"]
        }
        found = recent(self._files, paths, self._marks.cold + 1, last)
        change = fold(self._files, self.parts, found, time.time_ns() // 1_000, self._hide)
        self._folded_on = self._day()
        return _Move(self._clock(), change, warm=last, cold=last)

    def _to_warm(self) -> _Move:
        hot = self._hot.live
        taken = sorted(hot, key=lambda slot: hot[slot].first)
        held = Held(hot[taken[0]].first, hot[taken[-1]].last, sum(one.rows for one in hot.values()))
        target = self._warm.fresh()
        for table in LEVELS["warm"]:
            sources = self._hot.paths(table, taken)
            self._files.merge(table, sources, held.first, held.last, self._warm.path(table, target))
        return _Move(self._clock(), Change(), warm=held.last, slot=(target, held))

    def _show(self, move: _Move, now: float) -> None:
        new = {part.number for part in move.change.new}
        hidden = tuple(number for number in self._marks.hidden if number not in new)
        hidden += tuple(part.number for part in move.change.old)
        warm, cold = max(self._marks.warm, move.warm), max(self._marks.cold, move.cold)
        for part in move.change.old:
            self._on_removed(self.parts.path(part))  # may fail: then nothing has changed yet, and all is told again
        self._write_marks(Marks(warm, cold, hidden))
        self._move = None
        for part in move.change.old:
            del self.parts.live[part]
            self.parts.retired[part] = now
        for part, rows in move.change.new.items():
            self._landed[part] = now
            if rows:
                self.parts.live[part] = rows
            else:
                self.parts.retired[part] = now
        self._hot.retire(warm, now)
        self._warm.retire(cold, now)
        if move.slot is not None:
            slot, held = move.slot
            self._warm.live[slot] = held

    def _remove(self, before: float, may: Callable[[], bool]) -> None:
        self._hot.remove(before, may)
        self._warm.remove(before, may)
        for part in self.parts.due(before):
            if not may():
                return
            self.parts.remove(part)
            self._landed.pop(part, None)
            self._sealed.discard(part)
        needed = {part.number for part in self.parts.retired}
        needed |= {part.number for part in self._move.change.new} if self._move else set()
        if needed != set(self._marks.hidden):
            self._write_marks(replace(self._marks, hidden=tuple(sorted(needed))))
        if self._said <= before:
            self._files.forget_marks(self._marks.version, may)

    def _seal(self) -> None:
        now, day = self._clock(), self._day()
        for part in self.parts.live:
            if part.day and part.day < day and part not in self._sealed and self._rests(part, now):
                self._sealed.add(part)
                self._on_sealed(self.parts.path(part))

    def _rests(self, part: Part, now: float) -> bool:
        return now - self._landed.get(part, -1e9) > self._grace_s
