"""Bringing recent rows into day files, and putting exchanges together that are over.

One fold takes all recent rows up to a batch. Their copies under ``days/`` are hidden until a rename of the marks makes
them count in place of the recent ones. With them goes whatever ``exchanges`` is read from: an exchange that is over is
written as one row; the records of the others are copied to the one file of ``open``; one that got another record after
it had been written (``late``) is written anew, and its earlier row taken out of the file where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from weir.audit.columns import BATCH
from weir.audit.store.parquet import ParquetFiles, quote
from weir.audit.store.parts import Part, Parts
from weir.audit.store.views.exchanges import NOT_EXCHANGES, exchanges_sql

__all__ = ["ROWS_MAX", "Change", "Hide", "Recent", "fold", "merge", "mergeable", "recent", "write"]

OPEN_S = 86_400  # an exchange without an end is written as it is after a day
ENDS = "('response', 'block', 'meter', 'error')"
ROWS_MAX = 2_000_000  # of a day's file: a day with more has several
SORT_ROWS = 60_000  # are sorted at once
_ORDER = {"exchanges": "started, exchange_id"}
_FEW = 8  # files of about the same size make one of the next

Hide = Callable[[list[Part]], None]


@dataclass(frozen=True, slots=True)
class Recent:
    """Where rows that are to be folded stand: SQL by table of ``LEVELS["hot"]``; None where there are none."""

    tables: dict[str, str | None]


@dataclass(slots=True)
class Change:
    """Parts that are to count, with their rows, and parts whose rows they have."""

    new: dict[Part, int] = field(default_factory=dict)
    old: list[Part] = field(default_factory=list)


def recent(files: ParquetFiles, paths: dict[str, list[Path]], first: int, last: int) -> Recent:
    """The rows of these files whose batches are ``first`` to ``last``."""
    return Recent(
        {
            table: f"(FROM {files.read(table, found)} WHERE {BATCH.name} BETWEEN {first} AND {last})" if found else None
            for table, found in paths.items()
        }
    )


def fold(files: ParquetFiles, parts: Parts, rows: Recent, now_us: int, hide: Hide) -> Change:
    """Write what the rows make. ``hide`` is told of all parts before the first of them lands.

    Raises OSError, duckdb.Error; what has landed by then is hidden.
    """
    run = files.engine.execute
    nothing = f"({files.nothing('events')})"
    opened = parts.of("open")
    pool = [rows.tables["events"] or nothing, rows.tables["late"] or nothing]
    pool += [files.read("open", parts.paths("open"))] if opened else []
    run("CREATE OR REPLACE TEMP VIEW pool AS " + " UNION ALL ".join(f"FROM {one}" for one in pool))
    run(
        "CREATE OR REPLACE TEMP TABLE done AS SELECT exchange_id FROM pool WHERE exchange_id IS NOT NULL "
        f"AND kind NOT IN {NOT_EXCHANGES} GROUP BY 1 HAVING bool_or(kind IN {ENDS}) "
        f"OR max(ts) IS NULL OR max(ts) < make_timestamp({now_us - OPEN_S * 1_000_000})"
    )
    joined = exchanges_sql("(FROM pool SEMI JOIN done USING (exchange_id))")
    run(f"CREATE OR REPLACE TEMP TABLE joined AS SELECT *, 0::UBIGINT AS {BATCH.name} FROM ({joined})")
    run(f"CREATE OR REPLACE TEMP TABLE again AS SELECT DISTINCT exchange_id FROM {rows.tables['late'] or nothing}")
    todo: list[tuple[Part, str]] = []
    change = Change(old=opened)
    for table in ("tool_calls", "findings", "events"):
        if rows.tables[table]:
            todo += _divided(files, parts, table, str(rows.tables[table]), "ts", "ts, seq")
    todo += _divided(files, parts, "exchanges", "joined", "started", _ORDER["exchanges"])
    for part in _with_again(files, parts):
        kept = f"FROM {files.read('exchanges', parts.path(part))} ANTI JOIN again USING (exchange_id)"
        todo.append((parts.allocate("exchanges", part.day, part.proxy), kept))
        change.old.append(part)
    still = (
        f"FROM pool ANTI JOIN done USING (exchange_id) WHERE exchange_id IS NOT NULL AND kind NOT IN {NOT_EXCHANGES}"
    )
    todo.append((parts.allocate("open"), f"{still} ORDER BY ts, seq"))
    write(files, parts, todo, change, hide)
    for name in ("joined", "again", "done"):
        run(f"DROP TABLE {name}")
    return change


def _divided(
    files: ParquetFiles, parts: Parts, table: str, source: str, time: str, order: str
) -> list[tuple[Part, str]]:
    """A part for every day and proxy that the rows of ``source`` have, with the query of its rows."""
    day = f"coalesce(strftime({time}, '%Y-%m-%d'), 'undated')"
    proxy = "coalesce(proxy_id, '')"
    keys = files.engine.execute(f"SELECT DISTINCT {day}, {proxy} FROM {source} ORDER BY ALL").fetchall()
    made = []
    for of_day, of_proxy in keys:
        only = f" WHERE {day} = {quote(of_day)} AND {proxy} = {quote(of_proxy)}" if len(keys) > 1 else ""
        made.append((parts.allocate(table, of_day, of_proxy), f"FROM {source}{only} ORDER BY {order}"))
    return made


def _with_again(files: ParquetFiles, parts: Parts) -> list[Part]:
    """The parts that hold a row of an exchange which is to be written anew."""
    there = parts.of("exchanges")
    if not there or not files.engine.execute("SELECT 1 FROM again LIMIT 1").fetchone():
        return []
    every = files.read("exchanges", parts.paths("exchanges"))
    query = f"SELECT DISTINCT {BATCH.name} FROM {every} SEMI JOIN again USING (exchange_id)"
    numbers = {int(number) for (number,) in files.engine.execute(query).fetchall()}
    return [part for part in there if part.number in numbers]


def write(files: ParquetFiles, parts: Parts, todo: list[tuple[Part, str]], change: Change, hide: Hide) -> None:
    """Write parts, each with the rows of its query; they are hidden before the first of them lands."""
    hide([part for part, _ in todo])
    for part, query in todo:
        path = parts.path(part)
        files.write(f"SELECT * REPLACE ({part.number}::UBIGINT AS {BATCH.name}) {query}", part.table, path)
        ((rows,),) = files.engine.execute(f"SELECT num_rows FROM parquet_file_metadata({quote(path)})").fetchall()
        change.new[part] = int(rows)


def mergeable(parts: Parts, today: str, resting: Callable[[Part], bool]) -> list[Part]:
    """Parts of one table, day and proxy that should be one: all of a day that is over and of which nothing has come for
    a while (``resting``), else eight or more of about the same size. Empty when there are none."""
    groups: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts.live:
        if part.table != "open":
            groups.setdefault((part.table, part.day, part.proxy), []).append(part)
    for (_, day, _), found in groups.items():
        found.sort(key=lambda part: (parts.live[part], part.number))
        over = bool(day) and day < today and all(map(resting, found))
        taken: list[Part] = []
        rows = 0
        for part in found:
            if rows + parts.live[part] > ROWS_MAX or not (over or parts.live[part] <= _FEW * parts.live[found[0]]):
                break
            taken.append(part)
            rows += parts.live[part]
        if len(taken) >= (2 if over else _FEW):
            return taken
    return []


def merge(files: ParquetFiles, parts: Parts, taken: list[Part], hide: Hide) -> Change:
    """One part with the rows of several. Raises OSError, duckdb.Error.

    Parts are sorted and follow each other in time but for what came late: many rows are put one part after the other,
    which a query over a time feels no more than a full sort, and needs no memory.
    """
    first = taken[0]
    time = "started" if first.table == "exchanges" else "ts"
    begins = {}
    for part in taken:
        query = f"SELECT min({time}) FROM {files.read(first.table, parts.path(part))}"
        ((begin,),) = files.engine.execute(query).fetchall()
        begins[part] = (begin is None, begin, part.number)
    source = files.read(first.table, [parts.path(part) for part in sorted(taken, key=begins.__getitem__)])
    few = sum(parts.live[part] for part in taken) <= SORT_ROWS
    order = f" ORDER BY {_ORDER.get(first.table, 'ts, seq')}" if few else ""
    change = Change(old=taken)
    made = parts.allocate(first.table, first.day, first.proxy)
    write(files, parts, [(made, f"FROM {source}{order}")], change, hide)
    return change
