"""``weir dlp``: the organisation's own values as fingerprints, the list of detectors, and how good they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.options import DATA, DataOption, FormatOption, PolicyOption
from weir.cli.output import Progress, clean, fail, grid, many, note, table, write_json

if TYPE_CHECKING:
    from weir.dlp.exact.exactmake import Made
    from weir.dlp.exact.exacttable import Table
    from weir.dlp.listing import Listed

__all__ = ["app"]

app = typer.Typer(help="Detectors: list, measure, and fingerprint your own values.", no_args_is_help=True)

_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@app.command()
def fingerprint(
    source: Annotated[
        Path, typer.Argument(metavar="CSV", help="The table, plain or gzipped; its first line names columns.")
    ],
    columns: Annotated[str, typer.Option(metavar="NAME,NAME", help="Columns to be found; a+b is two as one.")],
    out: Annotated[Path | None, typer.Option(help="The file to make; default: LABEL.fp.")] = None,
    label: Annotated[str, typer.Option(help="Findings are called exact/LABEL; default: the table's name.")] = "",
    allow_short: Annotated[
        bool, typer.Option("--allow-short", help="Take values of fewer than 5 letters or 6 digits too.")
    ] = False,
    data: DataOption = DATA,
    format: FormatOption = "table",
) -> None:
    """Make a file by which weir finds these very values in a prompt; it reveals none of them.

    The key it depends on stays in the data directory: use the one of the weir that is to read it. Name the file in the
    policy (dlp: {exact: \\[customers.fp]}). Run again when the table has changed; weir takes it at its next reload.
    """
    from weir.datadir import DataDir, DataDirError
    from weir.dlp.exact.exactmake import fingerprint as make
    from weir.dlp.exact.exacttable import Table

    command = "dlp fingerprint"
    names = tuple(dict.fromkeys(name.strip() for name in columns.split(",") if name.strip()))
    stem = source.name.removesuffix(".gz").removesuffix(".csv").removesuffix(".tsv")
    label = label or re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    if not names:
        raise fail(command, "no column is named; write --columns iban,customer_id", 2)
    if not _LABEL.fullmatch(label):
        raise fail(command, "a label is lower-case letters, digits and hyphens; write --label customers", 2)
    if not source.is_file():
        raise fail(command, f"{source} is not a file; name a CSV file", 2)
    target = out or Path(f"{label}.fp")
    told = Table(source, names)
    progress = Progress(command)
    try:
        key = DataDir(data).secret("exact")
        made = make(told.rows(progress), names, label=label, key=key, out=target, allow_short=allow_short)
    except (DataDirError, ValueError) as error:
        progress.clear()
        raise fail(command, str(error)) from None
    except OSError as error:
        progress.clear()
        raise fail(command, f"{error.filename or target}: {error.strerror or type(error).__name__}") from None
    progress.clear()
    _tell_made(made, told, target, label, format)


def _tell_made(made: Made, told: Table, target: Path, label: str, format: str) -> None:
    if format == "json":
        write_json({
            "file": str(target), "detector": f"exact/{label}", "columns": list(told.columns), "values": made.values,
            "bytes": made.bytes, "cells": made.cells, "lines": told.lines, "bad_lines": told.bad,
            "first_bad_lines": told.bad_lines, "encoding": told.encoding, "delimiter": told.delimiter,
            "refused": dict(made.refused), "single_words": dict(made.single_words),
            "dense": {str(digits): share for digits, share in made.dense.items()},
        })  # fmt: skip
    else:
        kept = made.cells - made.refused.total()
        grid({
            "file": f"{target} ({_size(made.bytes)})",
            "values": f"{kept:,} of {made.cells:,} in {', '.join(told.columns)}, as {many(made.values, 'fingerprint')}",
            "findings": f"exact/{label}",
            "policy": f"dlp: {{exact: [{target}]}}",
        })  # fmt: skip
    if told.bad:
        numbers = ", ".join(map(str, told.bad_lines)) + (" …" if told.bad > len(told.bad_lines) else "")
        note(f"{many(told.bad, 'line')} could not be read, not in the file (line {numbers}); to be corrected")
    for reason, count in sorted(made.refused.items()):
        hint = "; --allow-short takes them" if reason.endswith("too short") else ""
        note(f"{many(count, 'value')} refused, {clean(reason)}{hint}")
    for column, count in sorted(made.single_words.items()):
        note(f"single words in {clean(column)}: {count:,}; every text that uses such a word is a finding")
    for digits, share in made.dense.items():
        note(f"{share:.2%} of all numbers of {digits} digits are in the file: as many of any others will be found, too")


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


@app.command()
def rules(
    id: Annotated[str, typer.Argument(metavar="[ID]", help="One detector, with its pattern and examples.")] = "",
    category: Annotated[str, typer.Option(help="Only secret, pii, marking …")] = "",
    policy: PolicyOption = None,
    format: FormatOption = "table",
) -> None:
    """List the detectors: rules for credentials, markings and words, personal data by country, your own.

    With an ID, all about that one; its examples are made up. The column "on" says whether the policy uses it.
    """
    from weir.cli.detectors import detector_mistake
    from weir.cli.scan import load_policy
    from weir.dlp.listing import listed
    from weir.fields import nearest

    settings = load_policy("dlp rules", policy)
    try:
        everything = listed(settings.dlp)
    except (ValueError, OSError) as error:
        raise fail("dlp rules", str(detector_mistake(settings, error)), 2) from None
    if id:
        found = [one for one in everything if id in (one.id, one.id.partition("/")[2])]
        if not found:
            guess = nearest(id, [one.id for one in everything])
            there = f"there is {guess}" if guess else "weir dlp rules lists them"
            raise fail("dlp rules", f"no detector is called {clean(id)}; {there}", 2)
        for one in found:
            _tell_rule(one, format)
        return
    kinds = sorted({one.category for one in everything})
    if category and category not in kinds:
        raise fail("dlp rules", f"no detector is of that category; there are {', '.join(kinds)}", 2)
    chosen = [one for one in everything if not category or one.category == category]
    if format == "json":
        write_json([_as_row(one) for one in chosen])
    else:
        rows = [(one.id, "on" if one.used else "", one.severity, one.pack, one.description) for one in chosen]
        table(("detector", "on", "severity", "pack", "what it finds"), rows, whole=True)
        note(f"{many(len(chosen), 'detector')}, {sum(one.used for one in chosen)} of them on")


def _as_row(one: Listed) -> dict[str, Any]:
    return {
        "id": one.id, "category": one.category, "description": one.description, "severity": one.severity,
        "source": one.source, "kind": one.kind, "pack": one.pack, "on": one.used,
    }  # fmt: skip


def _tell_rule(one: Listed, format: str) -> None:
    row = _as_row(one) | dict(one.details or {})
    if format == "json":
        write_json(row)
        return
    pairs = {name: value for name, value in row.items() if value not in ("", [], None)}
    lines = {name: "\n".join(map(_line, value)) if isinstance(value, list) else value for name, value in pairs.items()}
    grid({name: clean(value) for name, value in lines.items()})


def _line(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name}: {part}" for name, part in value.items() if part)
    return str(value)


@app.command()
def evaluate(
    labelled: Annotated[Path, typer.Argument(metavar="LABELLED.jsonl", help='Lines {"text": …, "spans": […]}.')],
    policy: PolicyOption = None,
    map: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=DETECTOR", help="Findings of DETECTOR count for LABEL; patterns; repeatable."),
    ] = None,
    min_recall: Annotated[float, typer.Option(min=0, max=1, help="Exit 1 when a label's recall is lower.")] = 0.0,
    min_precision: Annotated[float, typer.Option(min=0, max=1, help="Exit 1 when a label's precision is lower.")] = 0.0,
    show: Annotated[bool, typer.Option("--show", help="Print the texts of misses and false finds, too.")] = False,
    data: DataOption = DATA,
    format: FormatOption = "table",
) -> None:
    """Say how many of the marked spans are found, and how many findings were not marked, for each label.

    A span is {"start": 0, "end": 5, "label": "EMAIL_ADDRESS"}, in characters. It is found when a finding covers half
    of it. A label is a detector's name (pii/EMAIL_ADDRESS) or the end of it, or mapped with --map.
    """
    from weir.cli.evaluation import run

    raise typer.Exit(run(labelled, policy, map or [], min_recall, min_precision, show, data, format))
