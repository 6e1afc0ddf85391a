"""``weir audit``: ask the audit store."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from weir.cli.options import DATA, DataOption, FormatOption, TableOption
from weir.cli.output import Progress, StoreTrouble, clean, fail, note, store_errors, write, write_json

__all__ = ["app", "need_data"]

PROBLEMS_MAX = 1_000  # shown; all are counted

app = typer.Typer(help="The audit: query the store, find it, verify spool and store.", no_args_is_help=True)


def need_data(command: str, data: Path) -> None:
    """End the command when there is no data directory: asking must not make an empty store in the wrong place."""
    if not data.is_dir():
        raise fail(command, f"{data} is no data directory; name weir's with --data")


# A query may begin with a comment, and "-- …" looks like an option: what is no option of ours is taken as the query.
@app.command(context_settings={"ignore_unknown_options": True})
def sql(
    query: Annotated[
        str, typer.Argument(help="SQL, one statement or several; views: events, findings, tool_calls, exchanges, …")
    ],
    data: DataOption = DATA,
    format: TableOption = "table",
) -> None:
    """Run queries on the store; read-only, at any time, also while weir writes."""
    from weir.audit.query import NothingAsked, Refused, answers, statements
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


@app.command()
def verify(data: DataOption = DATA, format: FormatOption = "table") -> None:
    """Check every link of the spool's chains and hold every row against the store; exit 1 if anything is wrong.

    One line a problem: file and line, seq, and what is wrong. It reads some 100,000 rows a second.
    """
    from weir.audit.compare import what_is_there
    from weir.audit.verify import Verifier

    need_data("audit verify", data)
    if not any(what_is_there(data)):
        raise fail("audit verify", f"{data} has neither a spool nor a store; name weir's data directory with --data")
    progress = Progress("audit verify")
    verifier = Verifier(data, progress)
    shown, count = [], 0
    try:
        for problem in verifier.problems():
            count += 1
            if count <= PROBLEMS_MAX:
                shown.append(dataclasses.asdict(problem))
            if format == "table" and count <= PROBLEMS_MAX:
                progress.clear()
                write(clean(problem) + "\n")
    except BrokenPipeError:
        raise
    except OSError as error:
        raise fail("audit verify", f"the spool cannot be read ({error.strerror or type(error).__name__})") from None
    finally:
        progress.clear()
    told = f"{verifier.rows} rows in {verifier.chains} chains"
    if format == "json":
        totals = {"ok": not count, "rows": verifier.rows, "chains": verifier.chains, "problem_count": count}
        write_json({**totals, "problems": shown})
    elif count:
        more = f", the first {PROBLEMS_MAX} of them shown" if count > PROBLEMS_MAX else ""
        note(f"{told}: {count} problems{more}")
        for remedy in dict.fromkeys(problem["remedy"] for problem in shown):
            note(f"→ {remedy}")
    else:
        write(f"{told}: every link holds, and the store has the same rows\n")
    if count:
        raise typer.Exit(1)


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
