"""The records of one period, taken out of the store once: every figure of the folder is computed from the same rows.

The store goes on being written while a folder is made. So the period's rows are copied into the folder first, and what
the folder says is asked of the copies: whoever has the folder can compute it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from weir.audit.record import TABLES
from weir.audit.store import database as store
from weir.audit.store.parquet import quote
from weir.reports.evidence.pseudonyms import Pseudonyms, stand_ins
from weir.reports.table import Table, from_query

__all__ = ["Period", "Source"]

MEMORY = "512MB"
_TRIES = 3  # a query can catch a file in the instant it is written anew

# What of an exchange is the last value that a record of it set, as in the store's view `exchanges`.
_LAST = (
    *("user", "auth_method", "team", "app", "key_id", "credential", "credential_kind", "host", "provider", "service"),
    *("service_status", "inspection", "inspection_reason", "mode", "verdict", "action", "rule_id", "price_id"),
    *("usage_source", "policy_hash", "req_bytes", "resp_bytes", "src_ip"),
)
_NOT_EXCHANGES = ("gap", "config", "erasure", "disclosure", "retention", "coach", "budget", "first_seen")


@dataclass(frozen=True, slots=True)
class Period:
    """From ``since`` up to, and without, ``until``; both aware. A record belongs to it by its ``ts``."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since >= self.until:
            raise ValueError("the period ends before it begins")

    @property
    def naive(self) -> tuple[datetime, datetime]:
        """Both ends as the store keeps time: UTC without a zone."""
        return (
            self.since.astimezone(UTC).replace(tzinfo=None),
            self.until.astimezone(UTC).replace(tzinfo=None),
        )

    def __str__(self) -> str:
        since, until = self.naive
        return f"{since.isoformat(timespec='seconds')}Z to {until.isoformat(timespec='seconds')}Z"


class Source:
    """A store's rows of a period. Use as a context: the scratch directory is emptied by whoever made it."""

    def __init__(self, data_dir: Path, period: Period, scratch: Path, pseudonyms: Pseudonyms | None = None) -> None:
        """Open the store for reading; ``scratch`` is where a large sort may spill. Raises OSError, duckdb.Error."""
        target = store.path_of(data_dir)
        if not target.exists():
            store.ensure(target.parent)
        self.period, self._pseudonyms = period, pseudonyms
        self._engine = duckdb.connect(
            config={
                "threads": 2,
                "memory_limit": MEMORY,
                "autoinstall_known_extensions": "false",
                "python_enable_replacements": "false",
                "preserve_insertion_order": "false",
            }
        )
        try:
            self._engine.execute("SET TimeZone = 'UTC'")
            self._engine.execute(f"SET temp_directory = {quote(scratch)}")
            self._engine.execute(f"ATTACH {quote(target)} AS audit (READ_ONLY)")
            if pseudonyms is not None:
                pseudonyms.use(self._engine)
        except BaseException:
            self._engine.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.close()

    def take(self, folder: Path) -> dict[str, int]:
        """Copy the period's rows to ``folder`` (Parquet, and JSON lines under zstd); how many there are of each table.

        From here on ``table`` can be asked. Raises OSError, duckdb.Error.
        """
        folder.mkdir()
        counts = {}
        for name, columns in TABLES.items():
            parquet = folder / f"{name}.parquet"
            shown = stand_ins(name) if self._pseudonyms is not None else {}
            picked = ", ".join(f'{shown[c.name]} AS "{c.name}"' if c.name in shown else f'"{c.name}"' for c in columns)
            self._copy(
                f"SELECT {picked} FROM audit.{name} WHERE ts >= ? AND ts < ?", parquet, "FORMAT parquet, "
                "COMPRESSION zstd, ROW_GROUP_SIZE 50000", self.period.naive,
            )  # fmt: skip
            self._engine.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({quote(parquet)})")
            self._copy(f"SELECT * FROM {name}", folder / f"{name}.jsonl.zst", "FORMAT json, COMPRESSION zstd")
            ((counts[name],),) = self._engine.execute(f"SELECT count(*) FROM {name}").fetchall()
        # What logs of others showed stays among the records: the figures are of what weir saw itself.
        self._engine.execute(
            f"CREATE TEMP TABLE exchanges AS SELECT * FROM ({_exchanges()}) WHERE kind <> 'discovered'"
        )
        return counts

    def table(self, title: str, query: str, values: Sequence[object] = ()) -> Table:
        """The answer of a query on events, findings, tool_calls and exchanges of the period. Raises duckdb.Error."""
        return from_query(title, self._engine, query, values)

    def whole(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a query on the whole store (``audit.events`` …), whatever the period. Raises duckdb.Error."""
        for _ in range(_TRIES - 1):
            try:
                return self._engine.execute(query, list(values)).fetchall()
            except duckdb.Error:
                continue
        return self._engine.execute(query, list(values)).fetchall()

    def run(self, statement: str, values: Sequence[object] = ()) -> None:
        """A statement on tables of this connection's own. Raises duckdb.Error."""
        self._engine.execute(statement, list(values))

    def _copy(self, query: str, target: Path, options: str, values: Sequence[object] = ()) -> None:
        statement = f"COPY ({query}) TO {quote(target)} ({options})"
        for _ in range(_TRIES - 1):
            try:
                self._engine.execute(statement, list(values))
            except duckdb.IOException:
                target.unlink(missing_ok=True)
                continue
            return
        self._engine.execute(statement, list(values))


def _exchanges() -> str:
    """One row an exchange, with what the folder's figures need; a test holds it against the store's own view.

    ``ai``: it went to a service that weir knows as AI or that looked like one.
    """
    last = ", ".join(f'arg_max("{name}", seq) FILTER ("{name}" IS NOT NULL) AS "{name}"' for name in _LAST)
    discovered = "(kind = 'discovered' OR coalesce(extra->>'$.discovered', '') = 'true')"
    return f"""
        SELECT *, service IS NOT NULL OR service_status IS NOT NULL OR discovered AS ai
        FROM (
            SELECT exchange_id, min(ts) AS started, {last},
                coalesce(arg_max(kind, seq) FILTER (kind NOT IN ('discovered', 'turn')), 'discovered') AS kind,
                bool_or({discovered}) AS discovered,
                coalesce(arg_max(cost_nano, seq) FILTER (cost_nano IS NOT NULL AND kind <> 'turn'),
                    sum(cost_nano) FILTER (kind = 'turn')::BIGINT) AS cost_nano
            FROM events WHERE exchange_id IS NOT NULL AND kind NOT IN {_NOT_EXCHANGES} GROUP BY exchange_id)"""
