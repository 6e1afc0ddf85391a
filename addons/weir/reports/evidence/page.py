"""The folder's page: one HTML file that needs nothing but itself, reads on a narrow screen and prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

from weir.cli.output import clean
from weir.reports.evidence.controls import Framework
from weir.reports.evidence.section import Section, Titled
from weir.reports.table import Table

__all__ = ["ROWS_MAX", "page"]

ROWS_MAX = 100  # of a table on the page; all are in its CSV
_CSS = Path(__file__).with_name("page.css")
_LONG = 40  # characters from which on a cell is wrapped, and not narrower than is good to read
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(
    title: str, facts: Mapping[str, str], says: Sequence[str], sections: Sequence[Section], maps: Sequence[Framework]
) -> str:
    """The whole page. Everything that came from records is escaped, and shown without what would turn text round."""
    links = [(section.id, section.title) for section in sections] + [("controls", "Controls")]
    menu = "".join(f'<li><a href="#{_text(anchor)}">{_text(name)}</a></li>' for anchor, name in links)
    body = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{_text(title)}</title><style>{_CSS.read_text('utf-8')}</style></head><body>",
        f"<header><h1>{_text(title)}</h1>",
        '<dl class="facts">',
        *(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts.items()),
        "</dl>",
        *(_sentence(text) for text in says),
        f"<nav><ul>{menu}</ul></nav></header><main>",
        *(line for section in sections for line in _section(section)),
        *_controls(maps, {section.id: section.title for section in sections}),
        '</main><footer class="dim"><p>Times are UTC. Bytes are those of requests and replies as weir counted them. ',
        "Made by <code>weir audit evidence</code>.</p></footer></body></html>",
    ]
    return "\n".join(body) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{_text(section.id)}"><h2>{_text(section.title)}</h2>'
    for text in section.says:
        yield _sentence(text)
    for titled in section.tables:
        yield from _titled(titled)
    yield "</section>"


def _sentence(text: str) -> str:
    loud = text.startswith(("FOUND:", "NOT CHECKED:"))
    return f'<p class="bad">{_text(text)}</p>' if loud else f"<p>{_text(text)}</p>"


def _titled(titled: Titled) -> Iterator[str]:
    table = titled.table
    yield f"<h3>{_text(table.title)}</h3>"
    if not table.rows:
        yield f'<p class="dim">{_text(titled.empty)}</p>'
        return
    yield _table(table)
    file = f"tables/{titled.name}.csv"
    shown = f"The first {ROWS_MAX} of {len(table.rows):,} rows; all: " if len(table.rows) > ROWS_MAX else ""
    yield f'<p class="dim">{shown}<a href="{_text(file)}">{_text(file)}</a></p>'


def _table(table: Table) -> str:
    rows = table.rows[:ROWS_MAX]
    kinds = [_kind([row[at] for row in rows]) for at in range(len(table.columns))]
    head = "".join(
        f'<th class="{kind}">{_text(_words(name))}</th>' for name, kind in zip(table.columns, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}">{_cell(cell, name)}</td>'
            for cell, kind, name in zip(row, kinds, table.columns, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _controls(maps: Sequence[Framework], titles: Mapping[str, str]) -> Iterator[str]:
    yield '<section id="controls"><h2>Controls</h2>'
    yield (
        "<p>Which part of this folder is evidence for which control, and what weir can not show for it. No line says "
        "that a control is met: that is for whoever audits to judge, on more than this folder. What a control asks is "
        "put in our own words; the framework's own text decides.</p>"
    )
    for item in maps:
        yield f'<h3>{_text(item.name)}</h3><p class="dim">{_text(item.edition)}. {_text(item.note)}</p>'
        yield '<div class="wide"><table class="controls"><thead><tr><th>Control</th><th>Asks</th><th>Evidence</th>'
        yield "<th>What weir can not show</th></tr></thead><tbody>"
        for one in item.controls:
            links = ", ".join(f'<a href="#{_text(name)}">{_text(titles[name])}</a>' for name in one.evidence)
            yield (
                f'<tr><td data-of="Control"><strong>{_text(one.id)}</strong></td><td data-of="Asks">{_text(one.asks)}'
                f'</td><td data-of="Evidence">{links}</td><td data-of="Can not show">{_text(one.cannot)}</td></tr>'
            )
        yield "</tbody></table></div>"
    yield "</section>"


def _kind(cells: Sequence[Any]) -> str:
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, int | float | Decimal) and not isinstance(cell, bool) for cell in known):
        return "number"
    if known and all(isinstance(cell, date) for cell in known):
        return "time"
    return "text long" if any(len(str(cell)) > _LONG for cell in known) else "text"


def _cell(cell: Any, name: str) -> str:
    if cell is None:
        return '<span class="dim">–</span>'
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if name.endswith("_pct") and isinstance(cell, int | float | Decimal):
        return f"{cell:.2f}"
    if isinstance(cell, int | Decimal):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:,.6f}".rstrip("0").rstrip(".")
    return _text(cell)


def _words(name: str) -> str:
    named = name.replace("_team_or_app", ", team or app")
    return named.replace("_pct", " %").replace("_usd", " (USD)").replace("_", " ")


def _text(value: object) -> str:
    return escape(clean(value))
