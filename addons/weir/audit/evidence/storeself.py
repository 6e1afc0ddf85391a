"""The store by itself: its rows against what was signed, every column against the row's hash, every exchange against
its records."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from weir.audit.evidence.compare import Held
from weir.audit.evidence.examine import Examination
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.joined import joined
from weir.audit.evidence.leaves import Leaf, from_rows
from weir.audit.evidence.log import LogReport
from weir.audit.ingester.cursor import Cursor

__all__ = ["StoreItself"]

_ROWS = """
    SELECT seq, prev_hash, row_hash FROM (
        SELECT proxy_id, boot_id, seq, prev_hash, row_hash FROM events
        UNION ALL SELECT proxy_id, boot_id, seq, prev_hash, row_hash FROM husks)
    WHERE proxy_id = ? AND boot_id = ? ORDER BY seq"""
_FETCH = 10_000
_SUSPECTS_MAX = 50_000  # more are no coincidence
LOOKS = 3
AGAIN_S = 0.5


class StoreItself:
    """One look. ``rows``: how many were held against the tree."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        held: Mapping[str, Held],
        cursor: Cursor | None,
        log: LogReport,
    ) -> None:
        self._connection, self._held, self._cursor, self._log = connection, held, cursor, log
        self.rows = 0

    def found(self) -> Iterator[Found]:
        """Everything. Raises duckdb.Error."""
        seen = self._cursor.seen if self._cursor else {}
        for chain, held in sorted(self._held.items()):
            # The ingester may not have come to the rows that newer checkpoints speak of.
            last = max(held.last, seen.get(chain, 0))
            signed = [item for item in self._log.checkpoints.get(chain, []) if item.size <= last]
            look = Examination(chain, signed)
            for item in look.found(self._leaves(held)):
                if item.wrong is not Wrong.ADDED or item.seq is None or item.seq <= last:
                    yield item
            self.rows += look.rows
        yield from self._columns()
        yield from joined(self._connection)

    def _leaves(self, held: Held) -> Iterator[Leaf]:
        answer = self._connection.execute(_ROWS, [held.proxy_id, held.boot_id])
        yield from from_rows("events", _fetched(answer))

    def _columns(self) -> Iterator[Found]:
        told = self._problems()
        for _ in range(LOOKS - 1):
            if 0 < len(told) <= _SUSPECTS_MAX:  # tables are read one after the other while the ingester writes them
                time.sleep(AGAIN_S)
                told &= self._problems()
        for proxy_id, boot_id, seq, problem in sorted(
            told, key=lambda one: (str(one[0]), str(one[1]), one[2] or 0, one[3])
        ):
            yield Found(Wrong.EDITED, f"{proxy_id}-{boot_id}", f"in the store: {problem}", file="events", seq=seq)

    def _problems(self) -> set[tuple[str | None, str | None, int | None, str]]:
        answer = self._connection.execute("SELECT proxy_id, boot_id, seq, problem FROM verify_chain()")
        return {(proxy_id, boot_id, seq, problem) for proxy_id, boot_id, seq, problem in _fetched(answer)}


def _fetched(answer: Any) -> Iterator[tuple[Any, ...]]:
    while rows := answer.fetchmany(_FETCH):
        yield from rows
