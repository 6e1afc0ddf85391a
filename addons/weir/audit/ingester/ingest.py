"""From spool lines to the store's Parquet files, pass by pass.

Each pass reads what is new in the spool, writes it as one numbered batch and then moves its cursor. A pass that a crash
cut short is repeated under the same number over the same slot; a line whose seq was seen is left out: every record is
in the store exactly once.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from weir.audit.ingester.cursor import Cursor
from weir.audit.record import TABLES
from weir.audit.spool.chain import chain_name, segments
from weir.audit.spool.lines import BadLine, read_line, rows_of
from weir.audit.store import database as store
from weir.audit.store.levels import Levels
from weir.audit.store.parquet import ParquetFiles, open_engine

__all__ = ["IngestLocked", "Ingester"]

ROWS_MAX = 20_000  # a pass; bounds memory
PASSES_MAX = 50  # a call of run_once; a flood must not keep it from ever returning

Rows = dict[str, list[dict[str, Any]]]


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
    ) -> None:
        """Make the store where it is missing and mend what a crash left. Raises IngestLocked, OSError, duckdb.Error."""
        self._spool_dir, self._rows_max = spool_dir, rows_max
        self.bad_lines = 0  # lines that could not be read, since the start
        self.last_problem = ""  # file, line and kind of the last of them; no content
        store.ensure(audit_dir)
        self._lock = os.open(audit_dir / "ingest.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise IngestLocked("another ingester is at work on this store") from None
        self._engine = open_engine()
        self._cursor_path = audit_dir / "cursor.json"
        try:
            self._files = ParquetFiles(audit_dir, self._engine, owner="ingest")
            self._levels = Levels(self._files, merge_at=merge_at, settle_s=settle_s, grace_s=grace_s)
            cursor = Cursor.load(self._cursor_path)
            self._levels.recover(cursor.next_batch if cursor else self._levels.last_batch() + 1)
            self._cursor = cursor or self._rebuilt()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store."""
        self._engine.close()
        os.close(self._lock)

    def run_once(self) -> int:
        """Ingest what is new and keep the files few; the number of records ingested. Raises OSError, duckdb.Error."""
        total = 0
        for _ in range(PASSES_MAX):
            ingested, more = self._pass()
            total += ingested
            if not more:
                break
        self._levels.step()
        return total

    def _pass(self) -> tuple[int, bool]:
        """One batch: records ingested, and whether the spool holds more."""
        rows: Rows = {table: [] for table in TABLES}
        offsets, seen = dict(self._cursor.offsets), dict(self._cursor.seen)
        chains = segments(self._spool_dir)
        for path in (path for paths in chains.values() for path in paths):
            offsets[path.name] = self._read(path, offsets.get(path.name, 0), rows, seen)
        full = len(rows["events"]) >= self._rows_max
        if not rows["events"]:
            if offsets != self._cursor.offsets:
                self._save(Cursor(self._cursor.next_batch, offsets, seen), chains)
            return 0, full
        batch = self._cursor.next_batch
        slot, paths_of = self._levels.hot_slot()
        for table in reversed(TABLES):  # events last: a finding never shows without its event for long
            self._files.write_rows(table, rows[table], batch, paths_of[table])
        self._save(Cursor(batch + 1, offsets, seen), chains)
        self._levels.added(slot, batch)
        return len(rows["events"]), full

    def _read(self, path: Path, offset: int, rows: Rows, seen: dict[str, int]) -> int:
        """Append a segment's new rows; the offset up to which it was read. A line without its end is left for later."""
        if len(rows["events"]) >= self._rows_max or path.stat().st_size <= offset:
            return offset
        chain = chain_name(path)
        with path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n") or len(rows["events"]) >= self._rows_max:
                    break
                try:
                    made = rows_of(read_line(line))
                    event = made["events"][0]
                    if f"{event['proxy_id']}-{event['boot_id']}" != chain:
                        raise BadLine("it belongs to another chain")
                except BadLine as problem:
                    self.bad_lines += 1
                    self.last_problem = f"{path.name} at byte {offset}: {problem}"
                else:
                    if event["seq"] > seen.get(chain, 0):
                        seen[chain] = event["seq"]
                        for table, found in made.items():
                            rows[table].extend(found)
                offset += len(line)
        return offset

    def _save(self, cursor: Cursor, chains: dict[str, list[Path]]) -> None:
        cursor.forget({path.name for paths in chains.values() for path in paths})
        cursor.save(self._cursor_path)
        self._cursor = cursor

    def _rebuilt(self) -> Cursor:
        """A cursor from the store itself: read the spool from its start again and leave out what is there."""
        events = store.visible(self._files, "events")
        seen = self._engine.execute(f"SELECT proxy_id, boot_id, max(seq) FROM ({events}) GROUP BY 1, 2").fetchall()
        return Cursor(self._levels.last_batch() + 1, {}, {f"{proxy}-{boot}": int(seq) for proxy, boot, seq in seen})
