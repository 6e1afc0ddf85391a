"""``weir report``: the answers most people want from the audit store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from weir.cli.options import DATA, DataOption, need_data
from weir.cli.output import StoreTrouble, fail, store_errors
from weir.cli.times import before

__all__ = ["report"]

# What fits 80 columns; a report that is not named here shows all it has.
_PEOPLE = {
    "spend": ("exchanges", "input_tokens", "output_tokens", "cost_usd", "unpriced", "estimated_pct"),
    "findings": ("detector", "action", "rule", "findings", "users", "unidentified", "last_seen"),
    "credentials": ("provider", "kind", "fingerprint", "users", "addresses", "exchanges", "done", "last_seen"),
}

_WHOLE = "shadow-ai"  # is more than one table


def report(
    name: Annotated[str, typer.Argument(metavar="NAME", help="shadow-ai, spend, findings or credentials.")],
    since: Annotated[str, typer.Option(metavar="WHEN", help="7d, 12h, or a date; default: everything.")] = "",
    by: Annotated[
        str, typer.Option(metavar="WHAT", help="spend: team, app, user, model, service or day; default: team.")
    ] = "",
    kind: Annotated[str, typer.Option(metavar="KIND", help="credentials: of one kind, e.g. personal.")] = "",
    data: DataOption = DATA,
    format: Annotated[
        Literal["table", "json", "csv", "html", "focus"],
        typer.Option(
            "--format",
            help="table for people, json or csv for programs; html: shadow-ai as a page; focus: spend as FOCUS 1.4.",
        ),
    ] = "table",
    policy: Annotated[
        Path | None, typer.Option(help="shadow-ai: judge services by this policy, not as they were recorded.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="shadow-ai: write json, csv or html to a file.")
    ] = None,
) -> None:
    """A report on the audit store: shadow-ai, spend, findings, credentials."""
    try:
        start = before(since) if since else None
    except ValueError as error:
        raise fail("report", f"--since: {error}", 2) from None
    from weir.audit.store import database as store
    from weir.cli.tables import show
    from weir.reports import REPORTS

    module = REPORTS.get(name)
    if module is None:
        raise fail("report", f"there is no report {name!r}; there are {', '.join(REPORTS)}", 2)
    choices = getattr(module, "BY", ())
    if by and by not in choices:
        allowed = f"goes by {', '.join(choices)}" if choices else "has no --by"
        raise fail("report", f"{name} {allowed}", 2)
    kinds = getattr(module, "KINDS", ())
    if kind and kind not in kinds:
        allowed = f"knows the kinds {', '.join(kinds)}" if kinds else "has no --kind"
        raise fail("report", f"{name} {allowed}", 2)
    for option, given in (("--policy", policy), ("--out", out), ("--format html", format == "html")):
        if given and name != _WHOLE:
            raise fail("report", f"{name} has no {option}; {_WHOLE} has", 2)
    run = module.run
    if format == "focus":
        if name != "spend":
            raise fail("report", f"{name} has no --format focus; spend has", 2)
        from weir.reports.focus import run_focus as run
    need_data("report", data)
    if name == _WHOLE and format != "focus":
        from weir.cli.shadowreport import shadow_ai

        return shadow_ai(data, start, policy, format, out)
    try:
        with store_errors(), store.connect(data) as connection:
            made = run(connection, start, **({"by": by} if by else {}), **({"kind": kind} if kind else {}))
    except StoreTrouble as error:
        raise fail("report", str(error)) from None
    if format == "focus":
        return show(made, "csv")
    people = _PEOPLE.get(name, ())
    shape = cast("Literal['table', 'json', 'csv']", format)  # html and focus have gone their way above
    show(made, shape, (made.columns[0], *people) if people and people[0] != made.columns[0] else people)
    return None
