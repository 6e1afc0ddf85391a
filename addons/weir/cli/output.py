"""What goes where: stdout is only data, stderr is for people, an error is one line, a table fits the terminal."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["StoreTrouble", "clean", "fail", "grid", "note", "store_errors", "table", "write", "write_json"]

_RECORD_FROM = 9  # columns from which rows are shown one below the other
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class StoreTrouble(Exception):
    """The audit store did not answer; the message is the first line of what it said."""


def fail(command: str, message: str, code: int = 1) -> typer.Exit:
    """Write ``weir COMMAND: message`` to stderr and return what to raise: ``raise fail(…) from None``."""
    sys.stderr.write(f"weir {command}: {message}\n")
    return typer.Exit(code)


def note(message: str) -> None:
    """Tell a person something that is not part of the data."""
    sys.stderr.write(message + "\n")


def write(text: str) -> None:
    """Data, as it is, to stdout."""
    sys.stdout.write(text)


def write_json(value: Any) -> None:
    """One JSON document to stdout."""
    write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def clean(value: object) -> str:
    """A value as a terminal may show it: audit rows hold what strangers sent, escape sequences included."""
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(clean(item) for item in value)
    return "".join(
        "\ufffd" if char in _BIDI or (unicodedata.category(char) in ("Cc", "Cs") and char != "\n") else char
        for char in str(value)
    )


def console() -> Console:
    """A rich console on today's stdout: 80 columns where that is no terminal."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def grid(pairs: Mapping[str, str]) -> None:
    """Print names and values, one pair a line."""
    from rich.table import Table
    from rich.text import Text

    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in pairs.items():
        shown.add_row(name, Text(clean(value)))
    console().print(shown)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print rows for people. Nothing is cut off: long values are folded, and many columns stand one below the other."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    if not rows:
        note(f"{title}: nothing" if title else "no rows")
        return
    if len(columns) >= _RECORD_FROM:
        for number, row in enumerate(rows, 1):
            if len(rows) > 1:
                write(f"-- {number}\n")
            grid({clean(name): clean(value) for name, value in zip(columns, row, strict=True)})
        return
    shown = Table(title=Text(title) if title else None, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) or row[index] is None for row in rows)
        shown.add_column(Text(clean(name)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(clean(value)) for value in row))
    out.print(shown)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the store's errors into StoreTrouble, without importing what only the audit may import."""
    try:
        yield
    except OSError as error:
        raise StoreTrouble(f"the store cannot be used ({error.strerror or type(error).__name__})") from None
    except Exception as error:
        if not any("duckdb" in base.__module__ for base in type(error).__mro__):
            raise
        lines = clean(str(error)).splitlines()
        raise StoreTrouble(lines[0] if lines else type(error).__name__) from None
