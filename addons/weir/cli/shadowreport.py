"""``weir report shadow-ai``: the whole report on shadow AI, for a terminal, a program, a spreadsheet or a browser."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from weir.cli.output import StoreTrouble, fail, json_text, note, store_errors, write

if TYPE_CHECKING:
    from weir.reports.shadow.model import ShadowReport

__all__ = ["Format", "shadow_ai"]

Format = Literal["table", "json", "csv", "html"]
_EMPTY = (
    "no AI service was seen {when}: let traffic pass through weir (weir run), or bring in logs that you have: "
    "weir discover FILE… --data {data}"
)


def shadow_ai(data: Path, since: datetime | None, policy: Path | None, format: Format, out: Path | None) -> None:
    """Make the report and write it to stdout, or to ``out``. Raises typer.Exit when it cannot be made."""
    if format == "html" and out is None and sys.stdout.isatty():
        raise fail("report", "html goes into a file: name one with --out", 2)
    made = _made(data, since, policy)
    if not made.services and not made.hints:
        note(_EMPTY.format(when=f"since {since:%Y-%m-%d %H:%M} UTC" if since else "yet", data=data))
        if format == "table":
            return None
    if format == "table" and out is None:
        from weir.cli.shadowtable import show

        return show(made)
    text = _text(made, format)
    if out is None:
        return write(text)
    try:
        out.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise fail("report", f"{out}: {error.strerror or type(error).__name__}") from None
    return note(f"wrote {out}")


def _made(data: Path, since: datetime | None, policy: Path | None) -> ShadowReport:
    from weir.audit.store import database as store
    from weir.cli.scan import load_policy
    from weir.reports.shadow.made import report
    from weir.shadow.catalogue import Catalogue
    from weir.shadow.opinion import Opinion

    catalogue = Catalogue.load()
    opinion = Opinion(catalogue, load_policy("report", policy).services) if policy is not None else None
    try:
        with store_errors(), store.connect(data) as connection:
            return report(connection, since, catalogue, opinion)
    except StoreTrouble as error:
        raise fail("report", str(error)) from None


def _text(made: ShadowReport, format: Format) -> str:
    if format == "html":
        from weir.reports.shadow.page import page

        return page(made)
    if format == "csv":
        from weir.reports.shadow.forms import services_table
        from weir.reports.table import as_csv

        return as_csv(services_table(made))
    if format == "json":
        from weir.reports.shadow.forms import document

        return json_text(document(made))
    raise fail("report", "--out takes json, csv or html: say which with --format", 2)
