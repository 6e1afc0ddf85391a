"""``weir audit``: ask the audit store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weir.cli.options import DATA, DataOption, TableOption
from weir.cli.output import StoreTrouble, fail, store_errors, write

__all__ = ["app", "need_data"]

app = typer.Typer(help="The audit store: query it, find it.", no_args_is_help=True)


def need_data(command: str, data: Path) -> None:
    """End the command when there is no data directory: asking must not make an empty store in the wrong place."""
    if not data.is_dir():
        raise fail(command, f"{data} is no data directory; name weir's with --data")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SQL query; views: events, findings, tool_calls, exchanges, …")],
    data: DataOption = DATA,
    format: TableOption = "table",
) -> None:
    """Run a query on the store; read-only, at any time, also while weir writes."""
    need_data("audit sql", data)
    from weir.audit import store
    from weir.cli.tables import show
    from weir.reports.table import Table

    try:
        with store_errors():
            columns, rows = store.sql(data, query)
    except StoreTrouble as error:
        raise fail("audit sql", str(error)) from None
    show(Table("", tuple(columns), tuple(rows)), format)


@app.command()
def path(data: DataOption = DATA) -> None:
    """Print where the store is, for other tools: duckdb "$(weir audit path)"."""
    need_data("audit path", data)
    from weir.audit import store

    try:
        with store_errors():
            store.connect(data).close()  # made when missing, renewed when the directory was moved
    except StoreTrouble as error:
        raise fail("audit path", str(error)) from None
    write(f"{store.path_of(data)}\n")
