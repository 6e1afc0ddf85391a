"""``weir audit sql`` and ``path``: ask the store, or find it."""

from __future__ import annotations

from typing import Annotated

import typer

from weir.cli.options import DATA, DataOption, TableOption, need_data
from weir.cli.output import StoreTrouble, fail, store_errors, write

__all__ = ["path", "sql"]


def sql(
    query: Annotated[
        str, typer.Argument(help="SQL, one statement or several; views: events, findings, tool_calls, exchanges, …")
    ],
    data: DataOption = DATA,
    format: TableOption = "table",
) -> None:
    """Run queries on the store; read-only, at any time, also while weir writes."""
    from weir.audit.store.query import NothingAsked, Refused, answers, statements
    from weir.cli.tables import show
    from weir.reports.table import Table

    need_data("audit sql", data)
    try:
        with store_errors():
            asked = statements(query)
            if format == "csv" and len(asked) > 1:
                raise fail("audit sql", "csv is one table: give one statement, or --format json for a line each", 2)
            for number, (columns, rows) in enumerate(answers(data, asked)):
                if number and format == "table":
                    write("\n")
                show(Table("", tuple(columns), tuple(rows)), format)
    except Refused as error:
        raise fail("audit sql", str(error), 2 if isinstance(error, NothingAsked) else 1) from None
    except StoreTrouble as error:
        raise fail("audit sql", str(error)) from None


def path(data: DataOption = DATA) -> None:
    """Print where the store is, for other tools: duckdb "$(weir audit path)"."""
    need_data("audit path", data)
    from weir.audit.store import database as store

    try:
        with store_errors():
            store.connect(data).close()  # made when missing, renewed when the directory was moved
    except StoreTrouble as error:
        raise fail("audit path", str(error)) from None
    write(f"{store.path_of(data)}\n")
