"""What goes where: stdout is only data, stderr is for people, an error is one line, a table fits the terminal."""

from __future__ import annotations

import json
import re
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "Progress", "StoreTrouble", "clean", "console", "fail", "grid", "json_text", "lay", "many", "note", "store_errors",
    "table", "write", "write_json",
]  # fmt: skip

_RECORD_FROM = 6  # columns from which rows may be shown one below the other
_TALL = 3  # lines of a row above which they are
_HINTS = ("Candidate bindings:", "Did you mean")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What JSON may hold as it is and a terminal, or UTF-8, may not: the same value is written as its escape.
_UNSHOWN = re.compile("[\x7f-\x9f\ud800-\udfff" + "".join(sorted(_BIDI)) + "]")


class StoreTrouble(Exception):
    """The audit store did not answer; the message is the first line of what it said, with what it may have meant."""


def fail(command: str, message: str, code: int = 1) -> typer.Exit:
    """Write ``weir COMMAND: message`` to stderr and return what to raise: ``raise fail(…) from None``."""
    sys.stderr.write(f"weir {command}: {message}\n")
    return typer.Exit(code)


def note(message: str) -> None:
    """Tell a person something that is not part of the data."""
    sys.stderr.write(message + "\n")


def many(count: int, thing: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def write(text: str) -> None:
    """Data, as it is, to stdout."""
    sys.stdout.write(text)


def write_json(value: Any) -> None:
    """One JSON document to stdout."""
    write(json_text(value))


def json_text(value: Any) -> str:
    """A JSON document; what would move a cursor or turn text round in a terminal stands as its escape."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def clean(value: object) -> str:
    """A value as a terminal may show it: audit rows hold what strangers sent, escape sequences included."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
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


class Progress:
    """How far a long command is, on stderr: one line that changes on a terminal, else a line now and then."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + (0.2 if self._terminal else 10.0)
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """Tell that ``done`` of ``total`` bytes are read, when it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (0.2 if self._terminal else 10.0)
        said = f"weir {self._command}: {done >> 20} of {total >> 20} MiB"
        sys.stderr.write(f"\r{said}\x1b[K" if self._terminal else said + "\n")
        sys.stderr.flush()
        self._shown = self._terminal

    def clear(self) -> None:
        """Take the line away from a terminal, before something else is written."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


def grid(pairs: Mapping[str, str]) -> None:
    """Print names and values, one pair a line."""
    names = [clean(name) for name in pairs]
    values = [clean(value) for value in pairs.values()]
    for name, value in zip(names, values, strict=True):
        lay([name, value], [names, values], styles=["bold"])


def lay(cells: Sequence[str], columns: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """Print one row whose columns are as wide as all of ``columns`` need; the last one is wrapped. ``cells`` are clean.

    ``styles`` are those of the first columns, which are never wrapped.
    """
    from rich.cells import cell_len
    from rich.text import Text

    from weir.cli.layout import GAP, wrap

    out = console()
    sizes = [max(map(cell_len, column)) for column in columns[:-1]]
    before = sum(sizes) + GAP * len(sizes)
    for number, line in enumerate(wrap(cells[-1], max(out.width - before, 20))):
        shown = Text(" " * before)
        if not number:
            shown = Text()
            for cell, size, style in zip(cells, sizes, [*styles, *[""] * len(sizes)], strict=False):
                shown.append(cell, style).append(" " * (size - cell_len(cell) + GAP))
        shown.append(line)
        shown.rstrip()
        out.print(shown, soft_wrap=True)


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    title: str = "",
    *,
    stack: bool = True,
    whole: bool = False,
) -> None:
    """Print rows for people. Nothing is cut off: names are broken at their joints, and where that does not do the
    columns stand one below the other (but for ``stack=False``). With ``whole`` no column but the last is ever broken,
    however wide the rows become: what is searched for or copied stays in one piece."""
    from rich.text import Text

    from weir.cli.layout import GAP, fits, row_lines, whole_widths, widths

    if not rows:
        note(f"{title}: nothing" if title else "no rows")
        return
    out = console()
    heads = [clean(name) for name in columns]
    texts = [[clean(value) for value in row] for row in rows]
    stood = [[head, *(row[index] for row in texts)] for index, head in enumerate(heads)]
    gap = GAP if whole or fits(stood, out.width) else 1
    sizes = whole_widths(stood, out.width) if whole else widths(stood, out.width, gap)
    right = [all(map(_is_number, (row[index] for row in rows))) for index in range(len(heads))]
    made = [row_lines(row, sizes, right, gap) for row in texts]
    if (
        stack
        and not whole
        and len(heads) >= _RECORD_FROM
        and (not fits(stood, out.width, gap) or max(map(len, made)) > _TALL)
    ):
        _records(heads, texts)
        return
    if title:
        out.print(Text(title, "italic"), soft_wrap=True)
    for line in row_lines(heads, sizes, right, gap):
        out.print(Text(line, "bold"), soft_wrap=True)
    for lines in made:
        for line in lines:
            out.print(Text(line), soft_wrap=True)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _records(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(rows, 1):
        if len(rows) > 1:
            write(f"-- {number}\n")
        for head, value in zip(heads, row, strict=True):
            lay([head, value], [heads, row], styles=["bold"])


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the store's errors into StoreTrouble, without importing what only the audit may import."""
    try:
        yield
    except BrokenPipeError:
        raise  # of stdout: whoever reads the answer has seen enough
    except OSError as error:
        raise StoreTrouble(f"the store cannot be used ({error.strerror or type(error).__name__})") from None
    except Exception as error:
        if not any("duckdb" in base.__module__ for base in type(error).__mro__):
            raise
        lines = clean(str(error)).splitlines()
        hints = [line for line in lines[1:] if line.startswith(_HINTS)]
        raise StoreTrouble(" ".join([*lines[:1], *hints]) or type(error).__name__) from None
