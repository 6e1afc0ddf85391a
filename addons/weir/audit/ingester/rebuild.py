"""The store made anew from the spool, beside the old one, which readers see until the new one is whole.

Everything that was ingested is read again, as far as the cursor says, and put into day files that are hidden; rows that
only the old store has, since their spool is retired, are carried over. One change of the marks then lets the new files
count instead of all old ones. Before that a crash leaves the old store, after it the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from weir.audit.columns import BATCH
from weir.audit.ingester.fit import fit
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import TABLES, now_us
from weir.audit.spool.lines import BadLine
from weir.audit.spool.opened import chain_name, open_segment, segments
from weir.audit.store.fold import Change, Hide, Recent, fold, write
from weir.audit.store.late import Late
from weir.audit.store.load import stage, staged, unstage
from weir.audit.store.parquet import ParquetFiles, quote
from weir.audit.store.parts import Part, Parts
from weir.audit.store.visible import visible

__all__ = ["Rebuilt", "rebuild"]

_ROWS = 50_000  # put into day files at once
_SPANNED = (
    "EXISTS (FROM spanned s WHERE s.proxy_id = e.proxy_id AND s.boot_id = e.boot_id "
    "AND e.seq BETWEEN s.first AND s.last)"
)
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Rebuilt:
    """What came of it: rows out of the spool, rows that only the old store had, lines that are no records, files that
    could not be read."""

    rows: int = 0
    carried: int = 0
    bad_lines: int = 0
    damaged: list[Path] = field(default_factory=list)


def rebuild(data: Path, progress: Progress = lambda done, total: None) -> Rebuilt:
    """Make the store of a data directory anew. ``progress``: bytes of the spool read, and how many there are.

    Raises IngestLocked while an ingester is at work; OSError, duckdb.Error: then the old store stays.
    """
    with Ingester(data / "spool", data / "audit", mend=True) as ingester:
        done = Rebuilt(damaged=list(ingester.aside))
        while ingester.run_once():
            pass
        upto = ingester.cursor.next_batch - 1
        ingester.levels.replace(lambda hide: _Building(data, ingester, done, progress, hide).run(), upto=upto)
        ingester.levels.tidy()
    return done


class _Building:
    """One rebuild: the parts that come into being, as a place where exchanges are looked for."""

    moving = False

    def __init__(self, data: Path, ingester: Ingester, done: Rebuilt, progress: Progress, hide: Hide) -> None:
        self._data, self._files, self._hide = data, ingester.files, hide
        self._old, self._offsets = ingester.levels.parts, ingester.cursor.offsets
        self._done, self._progress = done, progress
        self.parts: Parts = _Beside(ingester.files, ingester.levels.parts)
        self._late = Late(ingester.files, self)
        self._spans: dict[str, tuple[str, str, int, int]] = {}  # proxy, boot, first and last seq by chain

    def landing(self, table: str) -> list[Part]:
        """Nothing lands here by itself."""
        return []

    def late_paths(self) -> list[Path]:
        """Copies are used up at once."""
        return []

    def settled(self) -> None:
        """Nothing to wait for."""

    def run(self) -> Change:
        """Write all; what counts then instead of what."""
        run = self._files.engine.execute
        run("CREATE OR REPLACE TEMP TABLE spanned (proxy_id VARCHAR, boot_id VARCHAR, first UBIGINT, last UBIGINT)")
        self._spool()
        for span in self._spans.values():
            run("INSERT INTO spanned VALUES (?, ?, ?, ?)", list(span))
        self._carry()
        change = Change(old=[part for part in self._old.live if part.table != "husks"])
        self._husks(change)
        change.new |= self.parts.live
        run("DROP TABLE spanned")
        return change

    def _spool(self) -> None:
        paths = [path for chain in segments(self._data / "spool").values() for path in chain]
        total = sum(min(self._offsets.get(path.name, 0), 1 << 62) for path in paths)
        read = 0
        lines: list[bytes] = []
        replies: set[str] = set()
        for path in paths:
            chain, upto, at = chain_name(path), self._offsets.get(path.name, 0), 0
            with open_segment(path) as file:
                for line in file:
                    if at + len(line) > upto:
                        break
                    at += len(line)
                    try:
                        fitting = fit(line, chain)
                    except BadLine:
                        self._done.bad_lines += 1
                        continue
                    if not self._spanned(chain, fitting.doc["proxy_id"], fitting.doc["boot_id"], fitting.seq):
                        continue
                    lines.append(fitting.line)
                    if fitting.doc.get("exchange_id") and fitting.doc.get("kind") != "request":
                        replies.add(fitting.doc["exchange_id"])
                    if len(lines) >= _ROWS:
                        self._lines(lines, replies)
                        self._progress(read + at, total)
            read += at
        self._lines(lines, replies)
        self._progress(total, total)

    def _spanned(self, chain: str, proxy: str, boot: str, seq: int) -> bool:
        """Take note of a row of the spool; False for one that was there already."""
        span = self._spans.get(chain)
        if span is not None and seq <= span[3]:
            return False
        self._spans[chain] = (proxy, boot, span[2] if span else seq, seq)
        return True

    def _lines(self, lines: list[bytes], replies: set[str]) -> None:
        if not lines:
            return
        stage(self._files, lines)
        tables: dict[str, str | None] = {table: f"({staged(table, 0)})" for table in TABLES}
        self._fold(tables, replies)
        unstage(self._files)
        self._done.rows += len(lines)
        lines.clear()
        replies.clear()

    def _fold(self, tables: dict[str, str | None], replies: set[str]) -> None:
        again = self._late.again(replies)
        late = f"({self._late.copies(again, 0)})" if again else None
        change = fold(self._files, self.parts, Recent({**tables, "late": late}), now_us(), self._hide)
        for part in change.old:  # nobody has ever seen it
            self.parts.path(part).unlink()
            del self.parts.live[part]
        for part, rows in change.new.items():
            if rows:
                self.parts.live[part] = rows
            else:
                self.parts.path(part).unlink()

    def _carry(self) -> None:
        """Rows that are in the old store only, a day at a time."""
        run = self._files.engine.execute
        day = "coalesce(strftime(ts, '%Y-%m-%d'), 'undated')"
        days = run(f"SELECT {day}, count(*) FROM {self._only('events')} GROUP BY 1 ORDER BY 1").fetchall()
        for one, rows in days:
            tables: dict[str, str | None] = {
                table: f"(FROM {self._only(table)} WHERE {day} = {quote(one)})" for table in TABLES
            }
            ends = run(
                f"SELECT DISTINCT exchange_id::VARCHAR FROM {tables['events']} "
                "WHERE exchange_id IS NOT NULL AND kind IS DISTINCT FROM ''"
            ).fetchall()
            self._fold(tables, {exchange for (exchange,) in ends})
            self._done.carried += int(rows)

    def _only(self, table: str) -> str:
        extra = ", extra::VARCHAR AS extra" if table == "events" else ""
        names = f"* REPLACE (0::UBIGINT AS {BATCH.name}{extra})"
        rows = f"SELECT *, 0::UBIGINT AS {BATCH.name} FROM ({visible(self._files, table)})"
        return f"(SELECT {names} FROM ({rows}) e WHERE NOT {_SPANNED})"

    def _husks(self, change: Change) -> None:
        """Rows of which the spool has the lines are back: what stood in for them goes."""
        todo = []
        for part in self._old.of("husks"):
            rows = self._files.read("husks", self._old.path(part))
            if self._files.engine.execute(f"SELECT 1 FROM {rows} e WHERE {_SPANNED} LIMIT 1").fetchone():
                todo.append((self._old.allocate("husks"), f"FROM {rows} e WHERE NOT {_SPANNED} ORDER BY ts, seq"))
                change.old.append(part)
        write(self._files, self._old, todo, change, self._hide)


class _Beside(Parts):
    """Parts of a store in the making; their numbers are given out by the store's own."""

    def __init__(self, files: ParquetFiles, numbers: Parts) -> None:
        super().__init__(files)
        self._numbers = numbers

    def allocate(self, table: str, day: str = "", proxy: str = "") -> Part:
        """A part that is not written yet."""
        return self._numbers.allocate(table, day, proxy)
