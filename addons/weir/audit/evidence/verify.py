"""The whole audit, row by row: every link of every chain, and every row against its copy in the store.

Memory is bounded: rows are held in runs of a few thousand whose seqs follow each other, and the store is asked for one
run at a time. The order of looking is that of ``compare.py``, so it may be done while weir writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from weir.audit.evidence.compare import CUT, LACKS, TOUCHED, Held, Problem, gone, held_by_store, read_cursor
from weir.audit.ingester.cursor import Cursor
from weir.audit.spool.chain import Row, check, segments
from weir.audit.store import database as store

__all__ = ["Verifier"]

RUN = 20_000  # rows held at a time
_ANEW = "weir run makes it anew from the spool; then verify again"


class Verifier:
    """One examination of a data directory. ``rows`` and ``chains`` count what was read of the spool so far."""

    def __init__(self, data_dir: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """``progress`` is called now and then with the bytes of the spool that were read and those there are."""
        self._data_dir, self._progress = data_dir, progress
        self.rows = self.chains = 0

    def problems(self) -> Iterator[Problem]:
        """Each problem as it is found; none when all agrees. Raises OSError; what the store says is a problem too."""
        cursor = read_cursor(self._data_dir)
        connection: duckdb.DuckDBPyConnection | None = None
        held: dict[str, Held] = {}
        try:
            if store.path_of(self._data_dir).exists():
                connection = store.connect(self._data_dir)
                held = held_by_store(connection)
            else:
                yield Problem("store", "there is none: what follows is about the spool alone", _ANEW)
            yield from self._spool(connection, held, cursor)
        except duckdb.Error as error:
            text = (str(error).splitlines() or [type(error).__name__])[0]
            yield Problem("store", f"it does not answer ({text}): what follows is about the spool alone", LACKS)
            self.rows = self.chains = 0
            yield from self._spool(None, {}, cursor)
        finally:
            if connection is not None:
                connection.close()

    def _spool(
        self, connection: duckdb.DuckDBPyConnection | None, held: dict[str, Held], cursor: Cursor | None
    ) -> Iterator[Problem]:
        chains = segments(self._data_dir / "spool")
        seen = cursor.seen if cursor else {}
        for name in sorted({*held, *seen} - set(chains)):
            yield gone(name, held.get(name, Held()), seen.get(name, 0))
        sizes = {path: path.stat().st_size for paths in chains.values() for path in paths}
        total, done = sum(sizes.values()), 0
        for name, paths in chains.items():
            self.chains += 1
            copy = _Copy(name, connection, held.get(name, Held()), cursor)
            for row in self._chain(name, paths, copy):
                if isinstance(row, Problem):
                    yield row
                else:
                    self._progress(done + sum(sizes[path] for path in paths[: paths.index(row.path)]) + row.end, total)
            done += sum(sizes[path] for path in paths)
        self._progress(done, total)

    def _chain(self, name: str, paths: list[Path], copy: _Copy) -> Iterator[Problem | Row]:
        """The problems of one chain, and now and then the row that was read last."""
        run: list[Row] = []
        last = 0  # the highest seq of the chain so far
        for row in check(name, paths):
            self.rows += 1
            for text in row.problems:
                yield Problem(name, text, TOUCHED, file=row.path.name, line=row.number, seq=row.seq)
            if row.seq is None:
                continue
            if run and (len(run) >= RUN or row.seq != (run[-1].seq or 0) + 1):
                yield from copy.compare(run)
                yield row
                run = []
            if row.seq > last + 1:
                yield from copy.beyond(last + 1, row.seq - 1)
            run.append(row)
            last = max(last, row.seq)
        yield from copy.compare(run)
        yield from copy.beyond(last + 1, None)


class _Copy:
    """What the store has of one chain; nothing is a difference when there is no store to ask."""

    def __init__(
        self, name: str, connection: duckdb.DuckDBPyConnection | None, held: Held, cursor: Cursor | None
    ) -> None:
        self._name, self._connection, self._held, self._cursor = name, connection, held, cursor

    def compare(self, run: list[Row]) -> Iterator[Problem]:
        """Hold rows whose seqs follow each other against the store's."""
        if not run or self._connection is None:
            return
        found: dict[int, list[str]] = {}
        first, last = run[0].seq, run[-1].seq
        for seq, row_hash in self._ask("seq, row_hash", f"seq BETWEEN {first} AND {last}"):
            found.setdefault(int(seq), []).append(row_hash)
        lacking: list[Row] = []
        for row in run:
            hashes = found.get(row.seq or 0, [])
            if not hashes and self._was_read(row):
                if lacking and row.seq != (lacking[-1].seq or 0) + 1:
                    yield self._lacks(lacking)
                    lacking = []
                lacking.append(row)
            if len(hashes) > 1:
                yield self._about(row, f"the store has this row {len(hashes)} times", LACKS)
            if any(row_hash != row.row_hash for row_hash in hashes):
                yield self._about(row, "the store has another row of this seq: one of them was rewritten", TOUCHED)
        if lacking:
            yield self._lacks(lacking)

    def beyond(self, first: int, last: int | None) -> Iterator[Problem]:
        """The store's rows from ``first`` to ``last``, none of which the spool has. None: up to where the store was
        when we began to look; what came later is not missing, the spool had not been read that far."""
        if self._connection is None:
            return
        high = self._held.last if last is None else last
        ((count, low, high),) = self._ask("count(*), min(seq), max(seq)", f"seq BETWEEN {first} AND {high}")
        if count:
            text = "the store has these rows, the spool does not"
            yield Problem(self._name, text, CUT, seq=int(low), seq_last=int(high))
        elif last is None and self._cursor is not None and self._cursor.seen.get(self._name, 0) >= first:
            seen = self._cursor.seen[self._name]
            yield Problem(self._name, "these rows were recorded and are gone", TOUCHED, seq=first, seq_last=seen)

    def _was_read(self, row: Row) -> bool:
        """Whether the ingester has been past this row."""
        if self._cursor is None:
            return (row.seq or 0) <= self._held.last
        return row.end <= self._cursor.offsets.get(row.path.name, 0)

    def _lacks(self, rows: list[Row]) -> Problem:
        text = "the store lacks this row" if len(rows) == 1 else f"the store lacks these {len(rows)} rows"
        first, last = rows[0], rows[-1]
        return Problem(
            self._name, text, LACKS, file=first.path.name, line=first.number, seq=first.seq, seq_last=last.seq
        )

    def _about(self, row: Row, text: str, remedy: str) -> Problem:
        return Problem(self._name, text, remedy, file=row.path.name, line=row.number, seq=row.seq)

    def _ask(self, what: str, condition: str) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        query = f"SELECT {what} FROM events WHERE proxy_id = ? AND boot_id = ? AND {condition}"
        return store.ask(self._connection, query, [self._held.proxy_id, self._held.boot_id])[1]
