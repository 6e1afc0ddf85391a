"""What the report's page is put together from: escaped text, figures for people, small drawings, tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import pairwise

from weir.cli.output import clean

__all__ = ["Cell", "Column", "Grid", "amount", "badge", "chips", "count", "meter", "sent", "spark", "text", "when"]

_STATUSES = {"sanctioned": "✓", "tolerated": "~", "unsanctioned": "✕", "unknown": "?"}
_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_NONE = '<span class="none">–</span>'
_SPARK = (100, 24)  # its box
_POINTS_MAX = 31
_CHIPS = 6  # names in a cell before the rest is folded


def text(value: object) -> str:
    """A value from anywhere as HTML text or attribute: escaped, on one line, without what turns text round."""
    return escape(clean(value).replace("\n", " "))


def count(number: int) -> str:
    """``12,345``."""
    return f"{number:,}"


def amount(size: int) -> str:
    """Bytes for people, in powers of ten: ``1.2 MB``."""
    for unit, worth in _UNITS:
        if size >= worth:
            return f"{size / worth:.1f} {unit}" if size < 99.95 * worth else f"{size / worth:,.0f} {unit}"
    return f"{size} B"


def sent(size: int) -> str:
    """Bytes that were counted; 0 is that nobody counted them."""
    return amount(size) if size else _NONE


def when(moment: datetime | None) -> str:
    """A time in UTC to the minute, as HTML that breaks only between day and time."""
    return f"<time>{moment:%Y-%m-%d}</time> {moment:%H:%M}" if moment else _NONE


def badge(status: str) -> str:
    """A status as a sign and a word: colour alone would tell nothing in print or to the colour-blind."""
    known, odd = (status, "") if status in _STATUSES else ("unknown", " odd")
    return f'<span class="badge {known}{odd}"><span aria-hidden="true">{_STATUSES[known]}</span> {text(status)}</span>'


def meter(score: int) -> str:
    """A score from 0 to 100 with a bar behind it."""
    level = "high" if score >= 70 else "middle" if score >= 40 else "low"
    width = max(0, min(100, score))
    return (
        f'<span class="score">{score}</span><svg class="meter {level}" viewBox="0 0 100 6" preserveAspectRatio="none" '
        f'aria-hidden="true"><rect width="100" height="6"/><rect class="fill" width="{width}" height="6"/></svg>'
    )


def spark(trend: Sequence[int]) -> str:
    """A row of numbers as a small line, described in words for those who don't see it."""
    points = _thinned(trend)
    if len(points) < 2 or not any(points):
        return _NONE
    wide, high = _SPARK
    top, last = max(points), len(points) - 1
    places = [(round(at * wide / last), round(high - 2 - point * (high - 4) / top)) for at, point in enumerate(points)]
    steps = "".join(f"l{x - left} {y - above}" for (left, above), (x, y) in pairwise(places))
    said = f"from {count(trend[0])} to {count(trend[-1])} a day, at most {count(max(trend))}"
    # The line enters and leaves below the box: one path is the line and the area under it.
    return (
        f'<svg class="spark" viewBox="0 0 {wide} {high}" role="img" aria-label="{said}" preserveAspectRatio="none">'
        f'<path d="M-3 {high + 3}L0 {places[0][1]}{steps}L{wide + 3} {high + 3}"/></svg>'
    )


def _thinned(numbers: Sequence[int]) -> list[float]:
    """At most so many points as can be told apart; each is the mean of its share of the numbers."""
    if len(numbers) <= _POINTS_MAX:
        return [float(number) for number in numbers]
    edges = [at * len(numbers) // _POINTS_MAX for at in range(_POINTS_MAX + 1)]
    return [sum(numbers[begin:end]) / (end - begin) for begin, end in pairwise(edges)]


def chips(names: Iterable[str], loud: Iterable[str] = ()) -> str:
    """Names in a cell, ``loud`` ones first and marked; what is over a few folds."""
    marked = list(dict.fromkeys(loud))
    loudest = frozenset(marked)
    every = [*marked, *(name for name in dict.fromkeys(names) if name not in loudest)]
    if not every:
        return _NONE
    made = [_chip(name, name in loudest) for name in every]
    if len(made) <= _CHIPS + 1:
        return " ".join(made)
    rest = len(made) - _CHIPS
    return f"{' '.join(made[:_CHIPS])}<details><summary>{rest} more</summary>{' '.join(made[_CHIPS:])}</details>"


def _chip(name: str, loud: bool) -> str:
    if not loud:
        return f'<span class="chip">{text(name)}</span>'
    sign, word = '<span aria-hidden="true">✕ </span>', '<span class="away"> (not approved)</span>'
    return f'<span class="chip loud">{sign}{text(name)}{word}</span>'


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and whether it holds numbers (right-aligned, the largest first when sorted)."""

    name: str
    number: bool = False
    sorts: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: HTML, what it is sorted by where that is not the text, and the id that others link to."""

    html: str
    key: int | str | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of the page. The first column names the row. ``shown`` rows stand open, the others fold."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell | str]]
    shown: int = 25
    anchors: Sequence[str] = ()
    most: int = 1000

    def html(self) -> Iterator[str]:
        """The table, and a second one inside ``details`` with what is over ``shown``: both read without a script."""
        rows = self.rows[: self.most]
        yield f'<div class="wide">{self._table(0, rows[: self.shown])}</div>'
        if len(rows) > self.shown:
            yield f'<details class="rest" data-of="{self.id}"><summary>{count(len(rows) - self.shown)} more</summary>'
            yield f'<div class="wide">{self._table(self.shown, rows[self.shown :])}</div></details>'
        if len(self.rows) > self.most:
            yield f'<p class="dim">The first {count(self.most)} of {count(len(self.rows))}; all of them: '
            yield "<code>weir report shadow-ai --format json</code></p>"

    def css(self) -> str:
        """On a phone a row is a card, and each figure says what it is."""
        return "".join(
            f'.{self.id} td:nth-child({at}):before{{content:"{column.name}"}}\n'
            for at, column in enumerate(self.columns[1:], 2)
        )

    def _table(self, begin: int, rows: Sequence[Sequence[Cell | str]]) -> str:
        head = "".join(
            f'<th scope="col"{' class="n"' if column.number else ""}{"" if column.sorts else " data-still"}>'
            f"{text(column.name)}</th>"
            for column in self.columns
        )
        body = "\n".join(self._row(begin + at, row) for at, row in enumerate(rows))
        ident = f' id="{self.id}"' if begin == 0 else ""
        caption = self.caption if begin == 0 else f"{self.caption}: the rest"
        return (
            f'<table{ident} class="cards {self.id}"><caption>{text(caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
        )

    def _row(self, at: int, row: Sequence[Cell | str]) -> str:
        anchor = f' id="{self.anchors[at]}"' if self.anchors else ""
        made = []
        for place, (column, cell) in enumerate(zip(self.columns, row, strict=True)):
            inner, key = (cell.html, cell.key) if isinstance(cell, Cell) else (cell, None)
            sort = "" if key is None else f' data-v="{text(key)}"'
            if place == 0:
                made.append(f'<th scope="row"{sort}>{inner}</th>')
            else:
                made.append(f"<td{' class=n' if column.number else ''}{sort}>{inner}</td>")
        return f"<tr{anchor}>{''.join(made)}</tr>"
