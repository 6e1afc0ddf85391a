"""What the demo shows: a table that fills while scenes play, plain lines where stdout is no terminal, the answers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from weir.cli.output import clean
from weir.demo.scenes_answers import Answer

__all__ = ["Line", "Screen"]

_WIDTH, _WIDTH_MAX = 80, 112
_STYLES = {"ok": "green", "differs": "bold red"}


class Line:
    """One line of the table: a scene, or the audit's part at the end. ``state``: "", playing, ok or differs."""

    def __init__(self, title: str, does: str, expects: str) -> None:
        self.title, self.does, self.expects = title, does, expects
        self.state, self.seen = "", ""


class Screen:
    """Shows ``lines`` between ``with`` and its end, then whatever else is told. Writes to stdout."""

    def __init__(self, lines: Sequence[Line], console: Console | None = None) -> None:
        self.lines = lines
        self.console = console or Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        if not self.console.is_terminal:
            self.console.width = _WIDTH
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            console=self.console, get_renderable=self._picture, auto_refresh=True, refresh_per_second=12, transient=True
        )

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            # The live picture goes and the whole table takes its place: it may be higher than the window.
            self._live.stop()
        if self.console.is_terminal and any(line.state for line in self.lines):
            self.console.print(_table(self.lines, self._spinner, self._width))

    def playing(self, number: int) -> None:
        """Line ``number`` (from 0) has begun."""
        self.lines[number].state = "playing"

    def done(self, number: int, seen: str, ok: bool) -> None:
        """Line ``number`` has ended."""
        line = self.lines[number]
        line.state, line.seen = ("ok" if ok else "differs"), clean(seen)
        if not self.console.is_terminal:
            self.console.print(Text(f"{number + 1} {line.state:<7}  {line.title}: {line.does}"), soft_wrap=True)
            self.console.print(Text(f"           expected: {line.expects}"), soft_wrap=True)
            self.console.print(Text(f"           seen:     {line.seen}"), soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """A sentence for whoever watches, above the table while that is live."""
        self.console.print(Text(clean(text), style=style))

    def answer(self, answer: Answer) -> None:
        """A question to the store, and its rows."""
        self.console.print()
        self.console.print(Text(answer.title, style="bold"))
        if answer.question:
            self.console.print(Text(answer.question, style="dim"), soft_wrap=True)
        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _gap(answer), 0, 0), show_edge=False)
        for index, name in enumerate(answer.columns):
            numbers = all(isinstance(row[index], int | float | None) for row in answer.rows)
            shown.add_column(Text(name), justify="right" if numbers else "left", overflow="fold")
        for row in answer.rows:
            shown.add_row(*(Text(_cell(value)) for value in row))
        self.console.print(shown)

    @property
    def _width(self) -> int:
        return min(self.console.width, _WIDTH_MAX)

    def _picture(self) -> RenderableType:
        whole = _table(self.lines, self._spinner, self._width)
        rows = len(self.console.render_lines(whole, pad=False))
        return whole if rows < self.console.height else _short(self.lines, self._spinner, self._width)


def _gap(answer: Answer) -> int:
    """Blanks beside the one that separates columns anyway: what 80 characters have room for."""
    cells = [answer.columns, *(tuple(map(_cell, row)) for row in answer.rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(answer.columns))]
    return int(sum(widths) + 2 * len(widths) <= _WIDTH)


def _cell(value: Any) -> str:
    return f"{value:.6f}" if isinstance(value, float) else clean(value)


def _mark(line: Line, spinner: Spinner) -> RenderableType:
    return spinner if line.state == "playing" else Text(line.state, style=_STYLES.get(line.state, ""))


def _table(lines: Sequence[Line], spinner: Spinner, width: int) -> Table:
    """Everything: what each scene does, what it expects, what was seen."""
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, width=width)
    for name, ratio in (("scene", 22), ("expected", 19), ("seen", 23)):
        shown.add_column(name, ratio=ratio, overflow="fold")
    shown.add_column("", width=7)
    for number, line in enumerate(lines, 1):
        title = Text(f"{number} {line.title}", style="bold" if line.state else "dim")
        scene = Group(title, Text(line.does, style="dim"))
        shown.add_row(
            scene, Text(line.expects, style="dim" if not line.state else ""), Text(line.seen), _mark(line, spinner)
        )
    return shown


def _short(lines: Sequence[Line], spinner: Spinner, width: int) -> Table:
    """One row a scene, for windows too low for everything."""
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, width=width)
    shown.add_column("scene", width=26, no_wrap=True)
    shown.add_column("seen", ratio=1, no_wrap=True, overflow="ellipsis")
    shown.add_column("", width=7)
    for number, line in enumerate(lines, 1):
        title = Text(f"{number} {line.title}", style="" if line.state else "dim")
        shown.add_row(title, Text(line.seen, style="dim"), _mark(line, spinner))
    return shown
