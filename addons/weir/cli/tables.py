"""Tables out of the store in the three formats: fitted to a terminal for people, complete for programs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from weir.cli.output import note, table, write
from weir.reports.table import Table, as_csv, as_json

__all__ = ["WIDE", "plain", "show"]

# Short heads for people, where the column's name would take too much room.
_HEADS = {
    "unidentified": "no user", "input_tokens": "tokens in", "output_tokens": "out", "cost_usd": "usd",
    "estimated_pct": "est. %",
}  # fmt: skip
WIDE = 150  # columns of a terminal from which people get everything too


def show(made: Table, format: Literal["table", "json", "csv"], people: Sequence[str] = ()) -> None:
    """Write a table to stdout. ``people`` names the columns that fit 80 characters; none means all of them."""
    if format != "table":
        complete = Table(made.title, _distinct(made.columns), tuple(tuple(map(plain, row)) for row in made.rows))
        return write(as_json(complete) if format == "json" else as_csv(complete))
    from weir.cli.output import console

    chosen = list(range(len(made.columns)))
    if people and console().width < WIDE:
        chosen = [made.columns.index(name) for name in people if name in made.columns]
    names = [made.columns[index] for index in chosen]
    columns = [_HEADS.get(name, name.replace("_", " ")) for name in names] if people else names
    less = len(chosen) < len(made.columns)
    rows = [[_shown(row[index], brief=less) for index in chosen] for row in made.rows]
    table(columns, rows, made.title, stack=not people)
    if less and made.rows:
        return note("more columns in --format json, csv, or a wider window")
    return None


def plain(cell: Any) -> Any:
    """A cell of any type DuckDB has, as what a report's formats can write: no NaN, no UUID objects, times in UTC."""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).replace(tzinfo=None) if cell.tzinfo else cell
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if cell is None or isinstance(cell, bool | int | str | date | Decimal):
        return cell
    if isinstance(cell, list | tuple):
        return [_nested(item) for item in cell]
    if isinstance(cell, dict):
        return {str(key): _nested(item) for key, item in cell.items()}
    return cell.hex() if isinstance(cell, bytes) else str(cell)


def _nested(cell: Any) -> Any:
    # The formats convert times and decimals at the top only.
    value = plain(cell)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _distinct(columns: Sequence[str]) -> tuple[str, ...]:
    # Two columns of one name (SELECT a.*, b.*) must not become one in JSON.
    seen: Counter[str] = Counter()
    names: list[str] = []
    for column in columns:
        seen[column] += 1
        name = column if seen[column] == 1 else f"{column}_{seen[column]}"
        while name in names:
            name += "_"
        names.append(name)
    return tuple(names)


def _shown(cell: Any, *, brief: bool) -> Any:
    value = plain(cell)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" if brief else f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float) and 1e-6 <= abs(value) < 1e-4:
        return Decimal(repr(value))  # Python writes these small ones as 3.7e-05
    if value == []:
        return None
    return "(none)" if value == "" else value
