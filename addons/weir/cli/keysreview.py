"""``weir keys review``: the list that whoever answers for a key goes through, to keep it or to withdraw it."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from weir.cli.keystore import as_json, opened
from weir.cli.options import DATA, DataOption, TableOption
from weir.cli.output import fail, note, table, write_json
from weir.cli.times import after

__all__ = ["PolicyOption", "review"]

PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        help="Policy file whose stores.budgets has the keys; default: where the weir that ran last has them.",
    ),
]
_COLUMNS = (
    "id", "state", "app", "team", "user", "services", "models", "operations", "networks", "budget", "note", "created",
    "rotated", "expires", "revoked", "uses", "last_used", "last_address", "why",
)  # fmt: skip


def review(
    unused: Annotated[str, typer.Option(metavar="TIME", help="Those not used for so long: 30d.")] = "",
    expiring: Annotated[str, typer.Option(metavar="TIME", help="Those that end within: 14d.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Revoked and expired ones too.")] = False,
    policy: PolicyOption = None,
    data: DataOption = DATA,
    format: TableOption = "table",
) -> None:
    """Keys to decide on: who answers for each, what it may, when it was used last, and why it is listed.

    Without --unused and --expiring all that are good, and what is odd about each (as with --unused 30d --expiring 14d).
    """
    try:
        now = datetime.now(UTC)
        idle, soon = after(unused or "30d") - now, after(expiring or "14d") - now
    except ValueError as error:
        raise fail("keys review", str(error), 2) from None
    rows: list[dict[str, Any]] = []
    with opened("keys review", data, policy) as store:
        for one, uses in store.every():
            record = one.record
            why = []
            if now - (uses.last or record.created or now) >= idle:
                why.append(f"unused for {(now - (uses.last or record.created or now)).days} days")
            if record.expires is not None and now <= record.expires < now + soon:
                why.append(f"ends in {(record.expires - now).days} days")
            elif record.expires is None:
                why.append("never ends")
            if one.old_until is not None and uses.old_last is not None and one.old_until > now:
                why.append("old key still used")
            wanted = {"unused": bool(unused), "ends": bool(expiring)}
            asked = [word for word, on in wanted.items() if on]
            if (every or record.state(now) == "active") and (
                not asked or any(text.startswith(word) for word in asked for text in why)
            ):
                rows.append({**as_json(record, uses, one.old_until), "why": why})
    _show(rows, format)


def _show(rows: list[dict[str, Any]], format: str) -> None:
    if format == "json":
        write_json(rows)
    elif format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in rows:
            writer.writerow([_cell(row[column]) for column in _COLUMNS])
    elif not rows:
        note("no key needs a look")
    else:
        columns = ("id", "app", "team", "user", "last used", "uses", "expires", "why")
        lines = [
            [
                *(row[name] or "-" for name in ("id", "app", "team", "user")),
                (row["last_used"] or "never")[:10],
                row["uses"],
                (row["expires"] or "never")[:10],
                ", ".join(row["why"]) or "-",
            ]
            for row in rows
        ]
        table(columns, lines)


def _cell(value: object) -> str:
    text = " ".join(str(one) for one in value) if isinstance(value, list) else "" if value is None else str(value)
    # A spreadsheet would take these for formulas: names are what somebody wrote.
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r") else text
