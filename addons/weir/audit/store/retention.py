"""Rows whose time is over leave the store, by day: a duty of the ingester's process, and of ``weir audit prune``.

A day's file is written anew without them, beside the old one; findings, tool calls and exchanges go with their events.
What stays of a row is its place in the chain (``husks``), so that the rows around it can still be verified.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from weir.audit.columns import BATCH
from weir.audit.ingester.duty import Desk
from weir.audit.spool.records import tell_retention
from weir.audit.store.fold import Change, Hide, write
from weir.audit.store.levels import Levels
from weir.audit.store.parquet import ParquetFiles, quote
from weir.audit.store.parts import Part
from weir.audit.store.tables import STORED
from weir.sections_audit import Retention, RetentionException

__all__ = ["Pruned", "RowRetention", "prune_rows"]

_TABLES = ("events", "findings", "tool_calls", "exchanges")
_AGAIN_S = 3600.0
_DAYS_AT_ONCE = 30


@dataclass(slots=True)
class Pruned:
    """Rows that left the store, or would: by table, and by day. ``more``: not all that is due has gone yet."""

    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_TABLES, 0))
    days: set[str] = field(default_factory=set)
    more: bool = False


class RowRetention:
    """Once an hour, some days' files at a time."""

    name = "rows"
    every_s = 5.0

    def __init__(self, files: ParquetFiles, levels: Levels) -> None:
        self._files, self._levels = files, levels
        self._next = 0.0

    def run(self, desk: Desk, *, last: bool) -> list[str]:
        """Take what is due; not at the end, where somebody waits. Raises OSError, duckdb.Error, DataDirError."""
        if last or time.monotonic() < self._next:
            return []
        done = prune_rows(self._files, self._levels, desk.audit.retention, desk.data)
        if not done.more:
            self._next = time.monotonic() + _AGAIN_S
        if not done.days:
            return []
        return [f"{done.rows['events']} rows of {len(done.days)} days left the store; their time was over"]


def prune_rows(
    files: ParquetFiles,
    levels: Levels,
    kept: Retention,
    data: Path,
    *,
    today: date | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Take out what is older than ``kept`` says, and record it; ``dry_run`` only counts. Rows that are not in day files
    yet stay for now.

    Raises OSError, duckdb.Error, DataDirError: then nothing is gone that was not recorded; what was recorded and is
    still there is recorded again.
    """
    now = today or datetime.now(UTC).date()
    done = Pruned()
    due = _due(files, levels, kept, now)
    done.more = len(due) > _DAYS_AT_ONCE and not dry_run
    taken = due if dry_run else due[:_DAYS_AT_ONCE]
    for day in taken:
        done.days.add(day.day)
        for table, count in day.rows.items():
            done.rows[table] += count
    if not taken or dry_run:
        return done

    def make(hide: Hide) -> Change:
        change = _rewrite(files, levels, taken, kept, now, hide)
        _tell(data, done, kept)  # when all is written that stays, and before anything goes
        return change

    levels.replace(make)
    return done


@dataclass(slots=True)
class _Day:
    """What is over of one day and proxy: rows by table, and of which parts."""

    day: str
    proxy: str
    rows: dict[str, int]
    parts: dict[str, list[Part]]


def _due(files: ParquetFiles, levels: Levels, kept: Retention, today: date) -> list[_Day]:
    shortest = min([kept.days, *(one.days for one in kept.exceptions)])
    before = (today - timedelta(days=shortest)).isoformat()
    groups: dict[tuple[str, str], dict[str, list[Part]]] = {}
    for part in levels.parts.live:
        if part.table in _TABLES and part.day and part.day != "undated" and part.day < before:
            groups.setdefault((part.day, part.proxy), {}).setdefault(part.table, []).append(part)
    found = []
    for (day, proxy), parts in sorted(groups.items()):
        rows = {table: _count(files, levels, table, parts, kept, today) for table in _TABLES}
        if any(rows.values()):
            found.append(_Day(day, proxy, rows, parts))
    return found


def _count(
    files: ParquetFiles, levels: Levels, table: str, parts: dict[str, list[Part]], kept: Retention, today: date
) -> int:
    query = _over(files, levels, table, parts, kept, today)
    if not query:
        return 0
    ((count,),) = files.engine.execute(f"SELECT count(*) FROM ({query})").fetchall()
    return int(count)


def _over(
    files: ParquetFiles, levels: Levels, table: str, parts: dict[str, list[Part]], kept: Retention, today: date
) -> str:
    """SELECT of a table's rows that are over; empty where the table has no part."""
    if not parts.get(table):
        return ""
    source = files.read(table, [levels.parts.path(part) for part in parts[table]])
    if table in ("events", "exchanges"):
        return f"SELECT * FROM {source} WHERE {_expired(kept, today, 'started' if table == 'exchanges' else 'ts')}"
    events = _over(files, levels, "events", parts, kept, today)
    return f"SELECT * FROM {source} SEMI JOIN ({events}) USING (proxy_id, boot_id, seq)" if events else ""


def _expired(kept: Retention, today: date, when: str) -> str:
    """SQL that is true for a row whose time is over. Of the exceptions that fit the longest decides."""
    cases = [
        f"CASE WHEN {_fits(one)} THEN {one.days} ELSE 0 END"
        for one in sorted(kept.exceptions, key=lambda one: -one.days)
    ]
    longest = f"coalesce(nullif(greatest({', '.join(cases)}, 0), 0), {kept.days})" if cases else str(kept.days)
    return f"date_diff('day', {when}::DATE, DATE {quote(today.isoformat())}) > {longest}"


def _fits(one: RetentionException) -> str:
    said = []
    for column, globs in (("service", one.services), ("team", one.teams)):
        if globs:
            said.append("(" + " OR ".join(f"coalesce({column}, '') GLOB {quote(glob)}" for glob in globs) + ")")
    return " AND ".join(said)


def _rewrite(files: ParquetFiles, levels: Levels, days: list[_Day], kept: Retention, today: date, hide: Hide) -> Change:
    change = Change()
    todo: list[tuple[Part, str]] = []
    husk = ", ".join(f'"{column.name}"' for column in STORED["husks"])
    for one in days:
        gone = _over(files, levels, "events", one.parts, kept, today)
        if one.rows["events"]:
            rows = f"(SELECT {husk}, 0::UBIGINT AS {BATCH.name} FROM ({gone}))"
            todo.append((levels.parts.allocate("husks"), f"FROM {rows} ORDER BY ts, seq"))
        for table in _TABLES:
            if not one.rows[table]:
                continue
            parts = one.parts[table]
            change.old += parts
            if one.rows[table] < sum(levels.parts.live[part] for part in parts):
                todo.append(
                    (
                        levels.parts.allocate(table, one.day, one.proxy),
                        _stays(files, levels, table, one, gone, kept, today),
                    )
                )
    write(files, levels.parts, todo, change, hide)
    return change


def _stays(files: ParquetFiles, levels: Levels, table: str, one: _Day, gone: str, kept: Retention, today: date) -> str:
    source = files.read(table, [levels.parts.path(part) for part in one.parts[table]])
    if table == "exchanges":
        return f"FROM {source} WHERE ({_expired(kept, today, 'started')}) IS NOT TRUE ORDER BY started, exchange_id"
    if table == "events":
        return f"FROM {source} WHERE ({_expired(kept, today, 'ts')}) IS NOT TRUE ORDER BY ts, seq"
    return f"FROM {source} ANTI JOIN ({gone}) USING (proxy_id, boot_id, seq) ORDER BY ts, seq"


def _tell(data: Path, done: Pruned, kept: Retention) -> None:
    why = f"rows were kept for {kept.days} days, or as long as an exception of the policy said"
    tell_retention(data, [(why, {"of": "store", "days": [min(done.days), max(done.days)], **done.rows})])
