"""Records of exchanges that had been put together already: a reply that took longer than a day, a discovery afterwards.

Such a record comes with copies of the exchange's earlier ones (the table ``late``): readers put it together anew out of
these, and leave out the row that was written before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from weir.audit.columns import BATCH
from weir.audit.record import EVENT_COLUMNS
from weir.audit.store.parquet import ParquetFiles
from weir.audit.store.parts import Part, Parts
from weir.audit.store.views.exchanges import NOT_EXCHANGES

__all__ = ["Late", "Where"]


class Where(Protocol):
    """What is in the store, or in one that is being made."""

    parts: Parts

    @property
    def moving(self) -> bool:
        """True while something has landed that does not count yet."""
        ...

    def landing(self, table: str) -> list[Part]:
        """The parts of a table that have landed and do not count yet."""
        ...

    def late_paths(self) -> list[Path]:
        """The files of ``late`` that count."""
        ...

    def settled(self) -> None:
        """Wait until what has landed counts."""
        ...


class Late:
    """Finds them. Keeps in mind which exchanges have copies among the recent rows already."""

    def __init__(self, files: ParquetFiles, levels: Where) -> None:
        self._files, self._levels = files, levels
        self._copied: set[str] = set()
        self._read: list[Path] = []  # the files in which these stand
        self._bounds: dict[Part, tuple[str, str]] = {}  # the lowest and the highest id

    def again(self, exchanges: Iterable[str]) -> set[str]:
        """Which of these have been put together already and have no copies yet. Raises duckdb.Error, OSError."""
        asked = {one.lower() for one in exchanges}
        if not asked:
            return set()
        self._look()
        found = self._among(asked - self._copied)
        if self._levels.moving and (found or asked & self._copied):
            # What is put together at this moment has to count first: then its copies do not any more.
            self._levels.settled()
            self._look()
            found = self._among(asked - self._copied)
        return found

    def _look(self) -> None:
        paths = self._levels.late_paths()
        if paths != self._read:
            self._read, self._copied = paths, set()
            if paths:
                query = f"SELECT DISTINCT exchange_id::VARCHAR FROM {self._files.read('late', paths)}"
                self._copied = {one for (one,) in self._files.engine.execute(query).fetchall()}

    def copies(self, exchanges: set[str], batch: int) -> str:
        """SELECT of the earlier records of these, and of a row without a kind for each, should there be no records."""
        run = self._files.engine.execute
        run("CREATE OR REPLACE TEMP TABLE again_now (exchange_id UUID)")
        run("INSERT INTO again_now SELECT unnest(?::UUID[])", [sorted(exchanges)])  # executemany takes seconds for many
        events = self._levels.parts.paths("events")
        nulls = ", ".join(
            'exchange_id AS "exchange_id"' if c.name == "exchange_id" else f'NULL::{c.parquet} AS "{c.name}"'
            for c in EVENT_COLUMNS
        )
        query = f"SELECT {nulls}, {batch}::UBIGINT AS {BATCH.name} FROM again_now"
        if events:
            query += (
                f" UNION ALL SELECT * REPLACE ({batch}::UBIGINT AS {BATCH.name}) "
                f"FROM {self._files.read('events', events)} SEMI JOIN again_now USING (exchange_id) "
                f"WHERE kind NOT IN {NOT_EXCHANGES}"
            )
        return query

    def _among(self, asked: set[str]) -> set[str]:
        if not asked:
            return set()
        paths = [self._levels.parts.path(part) for part in self._holding(asked)]
        if not paths:
            return set()
        run = self._files.engine.execute
        run("CREATE OR REPLACE TEMP TABLE asked_now (exchange_id UUID)")
        run("INSERT INTO asked_now SELECT try_cast(unnest(?::VARCHAR[]) AS UUID)", [sorted(asked)])
        query = (
            f"SELECT DISTINCT exchange_id::VARCHAR FROM {self._files.read('exchanges', paths)} "
            "SEMI JOIN asked_now USING (exchange_id)"
        )
        return {one for (one,) in run(query).fetchall()}

    def _holding(self, asked: set[str]) -> list[Part]:
        """The parts that may hold these. Ids begin with the time they were made, so that is few of them."""
        parts = [*self._levels.parts.of("exchanges"), *self._levels.landing("exchanges")]
        self._bounds = {part: self._bounds.get(part) or self._between(part) for part in parts}
        ids = sorted(asked)
        found = []
        for part, (first, last) in self._bounds.items():
            at = bisect_left(ids, first)
            if at < len(ids) and ids[at] <= last:
                found.append(part)
        return found

    def _between(self, part: Part) -> tuple[str, str]:
        source = self._files.read("exchanges", self._levels.parts.path(part))
        query = f"SELECT min(exchange_id)::VARCHAR, max(exchange_id)::VARCHAR FROM {source}"
        ((first, last),) = self._files.engine.execute(query).fetchall()
        return (str(first), str(last)) if first else ("~", "")
