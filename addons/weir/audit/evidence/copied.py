"""What the store has of one chain, held against rows of the spool: a run of a few thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

from weir.audit.evidence.compare import CUT, LACKS, TOUCHED, Held, Problem
from weir.audit.evidence.leaves import Leaf
from weir.audit.ingester.cursor import Cursor
from weir.audit.store import database as store

__all__ = ["RUN", "Copy"]

RUN = 20_000  # rows held at a time
_HASHES = "SELECT proxy_id, boot_id, seq, row_hash FROM"
_ROWS = f"({_HASHES} events UNION ALL {_HASHES} husks)"


class Copy:
    """Takes the rows of one chain in their order; nothing is a difference when there is no store to ask."""

    def __init__(
        self,
        name: str,
        connection: duckdb.DuckDBPyConnection | None,
        held: Held,
        cursor: Cursor | None,
        last: int = 0,
    ) -> None:
        """``last``: the seq before the first row that is to be compared."""
        self._name, self._connection, self._held, self._cursor = name, connection, held, cursor
        self._run: list[Leaf] = []
        self._last = last  # the highest seq so far

    def take(self, leaf: Leaf) -> Iterator[Problem]:
        """The next row. Raises duckdb.Error."""
        if leaf.seq is None or self._connection is None:
            return
        if self._run and (len(self._run) >= RUN or leaf.seq != (self._run[-1].seq or 0) + 1):
            yield from self._compare()
        if leaf.seq > self._last + 1:
            yield from self._beyond(self._last + 1, leaf.seq - 1)
        self._run.append(leaf)
        self._last = max(self._last, leaf.seq)

    def finish(self) -> Iterator[Problem]:
        """After the last row. Raises duckdb.Error."""
        if self._connection is not None:
            yield from self._compare()
            yield from self._beyond(self._last + 1, None)

    def _compare(self) -> Iterator[Problem]:
        run, self._run = self._run, []
        if not run:
            return
        found: dict[int, list[str]] = {}
        first, last = run[0].seq, run[-1].seq
        for seq, row_hash in self._ask("seq, row_hash", f"seq BETWEEN {first} AND {last}"):
            found.setdefault(int(seq), []).append(row_hash)
        lacking: list[Leaf] = []
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

    def _beyond(self, first: int, last: int | None) -> Iterator[Problem]:
        """The store's rows from ``first`` to ``last``, none of which the spool has. None: up to where the store was
        when we began to look; what came later is not missing, the spool had not been read that far."""
        high = self._held.last if last is None else last
        ((count, low, high),) = self._ask("count(*), min(seq), max(seq)", f"seq BETWEEN {first} AND {high}")
        if count:
            text = "the store has these rows, the spool does not"
            yield Problem(self._name, text, CUT, seq=int(low), seq_last=int(high))
        elif last is None and self._cursor is not None and self._cursor.seen.get(self._name, 0) >= first:
            seen = self._cursor.seen[self._name]
            yield Problem(self._name, "these rows were recorded and are gone", TOUCHED, seq=first, seq_last=seen)

    def _was_read(self, row: Leaf) -> bool:
        """Whether the ingester has been past this row."""
        if self._cursor is None:
            return (row.seq or 0) <= self._held.last
        return row.end <= self._cursor.offsets.get(row.file, 0)

    def _lacks(self, rows: list[Leaf]) -> Problem:
        text = "the store lacks this row" if len(rows) == 1 else f"the store lacks these {len(rows)} rows"
        first, last = rows[0], rows[-1]
        return Problem(self._name, text, LACKS, file=first.file, line=first.line, seq=first.seq, seq_last=last.seq)

    def _about(self, row: Leaf, text: str, remedy: str) -> Problem:
        return Problem(self._name, text, remedy, file=row.file, line=row.line, seq=row.seq)

    def _ask(self, what: str, condition: str) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        query = f"SELECT {what} FROM {_ROWS} WHERE proxy_id = ? AND boot_id = ? AND {condition}"
        return store.ask(self._connection, query, [self._held.proxy_id, self._held.boot_id])[1]
