"""The SQL by which readers see every row exactly once, whatever is being written, merged or taken away meanwhile.

All parts of a view go by one reading of the marks; a rename of their file moves rows for all readers at once.
"""

from __future__ import annotations

from weir.audit.columns import BATCH
from weir.audit.record import EVENT_COLUMNS
from weir.audit.store.parquet import SEED, ParquetFiles, quote
from weir.audit.store.tables import LEVELS, STORED, shown
from weir.audit.store.views.exchanges import exchanges_sql

__all__ = ["exchanges", "visible"]

_HOT = f"{BATCH.name} > (SELECT warm FROM marks)"
_WARM = f"{BATCH.name} > (SELECT cold FROM marks) AND {BATCH.name} <= (SELECT warm FROM marks)"


def _marks(files: ParquetFiles) -> str:
    said = f"read_parquet({quote(files.marks / '*.parquet')})"
    return (
        "marks AS MATERIALIZED (SELECT arg_max(warm, version) AS warm, arg_max(cold, version) AS cold, "
        f"arg_max(hidden, version) AS hidden FROM {said}), "
        f"hidden AS (SELECT unnest(hidden) AS {BATCH.name} FROM marks)"
    )


def _days(files: ParquetFiles, table: str, names: str = "*") -> str:
    # Nothing is hidden most of the time: joining nothing away costs nothing, and no value is compared.
    return f"SELECT {names} FROM {files.every('days', table)} ANTI JOIN hidden USING ({BATCH.name})"


def _recent(files: ParquetFiles, table: str, names: str = "*") -> str:
    return (
        f"SELECT {names} FROM {files.every('warm', table)} WHERE {_WARM} "
        f"UNION ALL SELECT {names} FROM {files.every('hot', table)} WHERE {_HOT}"
    )


def visible(files: ParquetFiles, table: str) -> str:
    """SELECT of a table's rows over all levels."""
    parts = [_days(files, table, shown(table))] if table in LEVELS["days"] else []
    parts += [_recent(files, table, shown(table))] if table in LEVELS["hot"] else []
    return _asked(files, table, "seq", f"WITH {_marks(files)} {' UNION ALL '.join(parts)}")


def _asked(files: ParquetFiles, table: str, column: str, query: str) -> str:
    """The same rows. DuckDB works out every column of a CTE or union of which none is asked for, as in a count(*): a
    join (with no rows) above it asks for one."""
    none = f"(SELECT {column} FROM {files.read(table, files.directory('days', table) / SEED)})"
    return f"SELECT * FROM ({query}) ANTI JOIN {none} USING ({column})"


def exchanges(files: ParquetFiles) -> str:
    """SELECT of all exchanges: those put together when they were over, and the others put together now.

    One that got a record after it was put together counts among the others, with the copies of its earlier records.
    """
    names = ", ".join(f'"{column.name}"' for column in EVENT_COLUMNS)
    records = " UNION ALL ".join(
        (_recent(files, "events", names), f"SELECT {names} FROM again", _days(files, "open", names))
    )
    asked = ", ".join(f'"{column.name}"' for column in STORED["exchanges"])
    rows = (
        f"WITH {_marks(files)}, again AS MATERIALIZED ({_recent(files, 'late')}), records AS ({records}) "
        f"SELECT {shown('exchanges')} FROM (SELECT {asked} FROM ({_days(files, 'exchanges')}) "
        "WHERE exchange_id NOT IN (SELECT exchange_id FROM again WHERE exchange_id IS NOT NULL) "
        f"UNION ALL SELECT {asked} FROM ({exchanges_sql('records')}))"
    )
    return _asked(files, "exchanges", "exchange_id", rows)
