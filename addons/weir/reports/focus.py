"""Spend as a FOCUS 1.4 Cost and Usage dataset: the FinOps Open Cost and Usage Specification, for cost tools.

The rows are those of the store's view ``focus``, which says what stands where weir can't know; here every cell becomes
the text that the specification asks for.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from weir.audit.store.views.focus import BY as SPLIT
from weir.audit.store.views.focus import focus_sql
from weir.reports.focus_columns import COLUMNS
from weir.reports.spend import BY
from weir.reports.table import Table, moment

__all__ = ["WHO", "run_focus"]

WHO = tuple(SPLIT)  # what rows are split by, and named in Tags


def run_focus(connection: duckdb.DuckDBPyConnection, since: datetime | None, by: str = "") -> Table:
    """The dataset: one column for each of COLUMNS, every cell a str or None.

    With ``by`` (a key of spend's BY) rows are split by that one of WHO only, or by none of them. Raises ValueError for
    another ``by``.
    """
    if by and by not in BY:
        raise ValueError(f"spend goes by {', '.join(BY)}")
    who = [name for name in WHO if not by or name == by]
    result = connection.execute(focus_sql(who, "started >= ?"), [moment(since)])
    heads = [column[0] for column in result.description or []]
    rows = [dict(zip(heads, map(_text, row), strict=True)) for row in result.fetchall()]
    for row in rows:
        if row["Tags"] is not None:
            row["Tags"] = json.dumps(json.loads(row["Tags"]), ensure_ascii=False)
    return Table("", tuple(c.name for c in COLUMNS), tuple(tuple(row[c.name] for c in COLUMNS) for row in rows))


def _text(cell: Any) -> str | None:
    if isinstance(cell, Decimal):
        return _number(cell)
    if isinstance(cell, date):  # times are dates too
        return f"{cell:%Y-%m-%dT%H:%M:%SZ}"
    return cell if cell is None else str(cell)


def _number(value: Decimal) -> str:
    """Digits with at most one point, as the specification's numbers are: no exponent, no zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text
