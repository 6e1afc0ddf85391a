"""From spool lines to the store's Parquet files, pass by pass.

Each pass reads what is new in the spool, writes it as one numbered batch and then moves its cursor. A pass that a crash
cut short is repeated under the same number over the same slot; a line whose seq was seen is left out: every record is
in the store exactly once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from weir.audit.ingester.cursor import Cursor
from weir.audit.ingester.fit import Fitting, fit
from weir.audit.spool.lines import BadLine
from weir.audit.spool.opened import chain_name, open_segment, segments, size
from weir.audit.store import database as store
from weir.audit.store.damaged import set_aside, set_aside_older
from weir.audit.store.late import Late
from weir.audit.store.levels import Levels
from weir.audit.store.load import stage, staged, unstage
from weir.audit.store.parquet import ParquetFiles, open_engine
from weir.audit.store.tables import LEVELS
from weir.audit.store.visible import visible

__all__ = ["IngestLocked", "Ingester"]

ROWS_MAX = 20_000  # a pass; bounds memory
BYTES_MAX = 48 << 20
FOLD_ROWS = 60_000  # recent rows that go into day files at once
MEMORY = "300MB"  # DuckDB's; the process needs about as much again
BEHIND = 5  # recent rows, in folds, at which passes wait for the day files
PASSES_MAX = 50  # a call of run_once; a flood must not keep it from ever returning


class _Found:
    """The lines of one pass."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.size = 0
        self.count = {"events": 0, "findings": 0, "tool_calls": 0}
        self.replies: set[str] = set()  # exchanges with a record, and no request before it in this pass
        self._asked: set[str] = set()

    def add(self, fitting: Fitting) -> None:
        """Take one line."""
        self.lines.append(fitting.line)
        self.size += len(fitting.line)
        self.count["events"] += 1
        self.count["findings"] += fitting.findings
        self.count["tool_calls"] += fitting.tool_calls
        exchange = fitting.doc.get("exchange_id")
        if exchange:
            if fitting.doc.get("kind") == "request":
                self._asked.add(exchange)
            elif exchange not in self._asked:
                self.replies.add(exchange)


def _nothing(path: Path) -> None:
    """Nobody asked to be told."""


class IngestLocked(RuntimeError):
    """Another ingester works on the same store."""


class Ingester:
    """Feeds one store from one spool. Holds the store's lock until ``close``."""

    def __init__(
        self,
        spool_dir: Path,
        audit_dir: Path,
        *,
        merge_at: int = 64,
        settle_s: float = 2.0,
        grace_s: float = 30.0,
        rows_max: int = ROWS_MAX,
        fold_rows: int = FOLD_ROWS,
        mend: bool = False,
        on_sealed: Callable[[Path], None] = _nothing,
        on_removed: Callable[[Path], None] = _nothing,
    ) -> None:
        """Make the store where it is missing and mend what a crash left. Raises IngestLocked, OSError, duckdb.Error.

        ``on_sealed`` and ``on_removed`` are told of day files, see ``Levels``. ``mend``: files that cannot be read are
        set aside, for a store that is about to be made anew.
        """
        self._spool_dir, self._rows_max, self._fold_rows = spool_dir, rows_max, fold_rows
        self.bad_lines = 0  # lines that could not be read, since the start
        self.last_problem = ""  # file, line and kind of the last of them; no content
        audit_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(audit_dir / "ingest.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise IngestLocked("another ingester is at work on this store") from None
        spill = audit_dir.absolute() / "tmp" / "spill"
        shutil.rmtree(spill, ignore_errors=True)  # of one that was killed
        self._engine = open_engine(MEMORY, spill)
        self._cursor_path = audit_dir / "cursor.json"
        self._stack = ExitStack()
        self._stack.callback(os.close, self._lock)
        self._stack.callback(self._engine.close)
        try:
            set_aside_older(audit_dir)
            store.ensure(audit_dir, self._engine)
            self._files = ParquetFiles(audit_dir, self._engine, owner="ingest")
            self.aside = set_aside(self._files) if mend else []
            self._levels = Levels(
                self._files, merge_at=merge_at, settle_s=settle_s, grace_s=grace_s, fold_rows=fold_rows,
                on_sealed=on_sealed, on_removed=on_removed,
            )  # fmt: skip
            self._stack.callback(self._levels.close)
            self._late = Late(self._files, self._levels)
            marks = self._files.read_marks()
            cursor = Cursor.load(self._cursor_path)
            if cursor is not None and cursor.next_batch <= max(marks.warm, marks.cold):
                cursor = None  # an older one was put back: it knows less than the store
            self._levels.recover(cursor.next_batch if cursor else self._levels.last_batch() + 1)
            self._cursor = cursor or self._rebuilt()
        except BaseException:
            self.close()
            raise

    @property
    def files(self) -> ParquetFiles:
        """The store's files."""
        return self._files

    @property
    def levels(self) -> Levels:
        """What is in them."""
        return self._levels

    @property
    def cursor(self) -> Cursor:
        """How far the spool was read."""
        return self._cursor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store."""
        self._stack.close()

    def run_once(self) -> int:
        """Ingest what is new and keep the files few; the number of records ingested. Raises OSError, duckdb.Error."""
        total = 0
        self._levels.tidy()
        for _ in range(PASSES_MAX):
            ingested, more = self._pass()
            total += ingested
            self._levels.step()
            if self._levels.recent_rows() >= BEHIND * self._fold_rows:
                self._levels.settled()  # what is recent is put together for every query anew
            if not more:
                break
        return total

    def _pass(self) -> tuple[int, bool]:
        """One batch: records ingested, and whether the spool holds more."""
        found = _Found()
        to = self._cursor.following()
        chains = segments(self._spool_dir)
        for path in (path for paths in chains.values() for path in paths):
            to.offsets[path.name] = self._read(path, to.offsets.get(path.name, 0), found, to)
        if not found.lines:
            if to.offsets != self._cursor.offsets:
                self._save(to, chains)
            return 0, False
        full = self._full(found)
        batch = self._cursor.next_batch
        again = self._late.again(found.replies)  # may wait until all that has landed counts
        slot, paths_of = self._levels.hot_slot()
        stage(self._files, found.lines)
        try:
            for table in LEVELS["hot"]:  # events last: a finding never shows without its event for long
                self._write(table, paths_of[table], batch, found, again)
            to.next_batch = batch + 1
            self._save(to, chains)
        except (OSError, duckdb.Error):
            for path in paths_of.values():  # the batch comes again, elsewhere
                path.unlink(missing_ok=True)
            raise
        finally:
            unstage(self._files)
        self._levels.added(slot, batch, len(found.lines))
        return len(found.lines), full

    def _write(self, table: str, target: Path, batch: int, found: _Found, again: set[str]) -> None:
        if table == "late" and again:
            self._files.write(self._late.copies(again, batch), table, target)
        elif found.count.get(table):
            self._files.write(staged(table, batch), table, target, packing="snappy")

    def _full(self, found: _Found) -> bool:
        return len(found.lines) >= self._rows_max or found.size >= BYTES_MAX

    def _read(self, path: Path, offset: int, found: _Found, to: Cursor) -> int:
        """Append a segment's new lines; the offset up to which it was read. One without its end is left for later."""
        if self._full(found) or size(path) <= offset:
            return offset
        chain = chain_name(path)
        with open_segment(path) as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n") or self._full(found):
                    break
                try:
                    fitting = fit(line, chain)
                except BadLine as problem:
                    self.bad_lines += 1
                    self.last_problem = f"{path.name} at byte {offset}: {problem}"
                else:
                    if to.take(chain, fitting.seq):
                        found.add(fitting)
                offset += len(line)
        return offset

    def _save(self, cursor: Cursor, chains: dict[str, list[Path]]) -> None:
        cursor.forget({path.name for paths in chains.values() for path in paths})
        cursor.save(self._cursor_path)
        self._cursor = cursor

    def _rebuilt(self) -> Cursor:
        """A cursor from the store itself: read the spool from its start again and leave out what is there."""
        if not any(self._files.filled(level, "events") for level in LEVELS):
            return Cursor(self._levels.last_batch() + 1)
        events = visible(self._files, "events")
        seen = self._engine.execute(f"SELECT proxy_id, boot_id, max(seq) FROM ({events}) GROUP BY 1, 2").fetchall()
        return Cursor(self._levels.last_batch() + 1, {}, {f"{proxy}-{boot}": int(seq) for proxy, boot, seq in seen})
