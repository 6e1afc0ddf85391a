"""``weir audit views``: what there is to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.options import FormatOption
from weir.cli.output import clean, fail, note, table, write, write_json

if TYPE_CHECKING:
    from weir.audit.store.views.described import Described

__all__ = ["views"]


def views(
    name: Annotated[str, typer.Argument(help="One of them: its columns and its SQL.")] = "",
    format: FormatOption = "table",
) -> None:
    """List the tables, views and macros of the store, or show one; needs no store.

    Views are asked like tables (FROM top_findings), macros like functions (FROM new_destinations(30)).
    """
    from weir.audit.store.views.described import described

    every = described()
    if name:
        chosen = [one for one in every if one.name == name.strip().lower()]
        if not chosen:
            raise fail("audit views", f"there is no {clean(name)}; weir audit views lists them all", 2)
        return _one(chosen, format)
    if format == "json":
        return write_json({"views": [_shape(one) for one in every]})
    for kind in ("table", "view", "macro"):
        listed = [one for one in every if one.kind == kind]
        rows = [(one.name + _call(one), one.comment) for one in listed]
        table((f"{kind}s", "what it is for"), rows, stack=False, whole=kind != "macro")
        write("\n")
    note("weir audit views NAME shows columns, an example and the SQL; ask with weir audit sql 'FROM …'")
    return None


def _shape(one: Described) -> dict[str, Any]:
    return {
        "name": one.name, "kind": one.kind, "parameters": list(one.parameters), "comment": one.comment,
        "example": one.example,
    }  # fmt: skip


def _call(one: Described) -> str:
    return f"({', '.join(one.parameters)})" if one.kind == "macro" else ""


def _one(chosen: list[Described], format: str) -> None:
    from weir.audit.store.views.described import columns_of

    if format == "json":
        shapes = [
            {**_shape(one), "columns": [{"name": name, "type": kind} for name, kind in columns_of(one)], "sql": one.sql}
            for one in chosen
        ]
        return write_json({"views": shapes})
    for one in chosen:
        write(f"{one.kind} {one.name}{_call(one)}\n{one.comment}\n\n")
        table(("column", "type"), columns_of(one), stack=False)
        write(f"\nfor example\n  {one.example}\n\n" + (f"made by\n{one.sql}\n\n" if one.sql else ""))
    return None
