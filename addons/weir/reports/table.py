"""What a report gives: a table, and its forms for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb

__all__ = ["Table", "as_csv", "as_json", "from_query", "moment"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns. Cells are str, int, float, bool, datetime (UTC, naive), list of str, or None."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def moment(since: datetime | None) -> datetime:
    """The start of a report's period as the store keeps time: UTC without a zone. None is the beginning of time."""
    if since is None:
        return datetime(1970, 1, 1)
    return since.astimezone(UTC).replace(tzinfo=None) if since.tzinfo else since


def from_query(title: str, connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] = ()) -> Table:
    """Run a query and give its result as a table. Raises duckdb.Error."""
    result = connection.execute(query, list(values))
    columns = tuple(column[0] for column in result.description or [])
    return Table(title, columns, tuple(tuple(row) for row in result.fetchall()))


def _plain(cell: Any) -> Any:
    """A cell as JSON has it; times as ISO 8601 with Z, money as a number."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds") + "Z"
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return float(cell)
    return cell


def as_json(table: Table) -> str:
    """``{"title": …, "columns": […], "rows": [{column: cell}, …]}``, one line, with a newline at its end.

    A table without a title has no such key.
    """
    rows = [dict(zip(table.columns, map(_plain, row), strict=True)) for row in table.rows]
    title = {"title": table.title} if table.title else {}
    return json.dumps({**title, "columns": table.columns, "rows": rows}, ensure_ascii=False) + "\n"


def as_csv(table: Table) -> str:
    """RFC 4180 with a header line; ``true`` and ``false`` as in JSON, nothing for None, lists with spaces between.

    Hosts and names come from outside: a text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([_text(cell) for cell in row])
    return out.getvalue()


def _text(cell: Any) -> Any:
    if isinstance(cell, list):
        cell = " ".join("" if item is None else str(_text(item)) for item in cell)
    elif isinstance(cell, dict):
        cell = json.dumps(cell, ensure_ascii=False)
    elif isinstance(cell, bool):
        return "true" if cell else "false"
    cell = _plain(cell)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
