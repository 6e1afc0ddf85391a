"""The shadow AI report as one HTML file: nothing from elsewhere, for a phone, a desk and paper, by day and night."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from weir.cli.output import many
from weir.reports.shadow import page_charts, page_services, page_tables
from weir.reports.shadow.model import ShadowReport, Step
from weir.reports.shadow.page_parts import Grid, amount, count, text

__all__ = ["page"]

_HERE = Path(__file__).parent
_STEPS = 7  # that stand open; one that asks for more does not rank
_SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=\S+\s*$")
_HOW = """
<dl class="how">
<dt>Status</dt><dd>What the policy says of a service: <em>sanctioned</em> is for use, <em>tolerated</em> may be used,
<em>unsanctioned</em> is not for use, and of an <em>unknown</em> one the policy says nothing yet.
<em>Not approved</em> are the unsanctioned and the unknown ones.</dd>
<dt>Score</dt><dd>From 0 (harmless) to 100, out of what is known of the service and how it is used; its reasons stand
with it. What is not known of a service counts as unknown, not as good or bad. A score ranks; it is no verdict.</dd>
<dt>Users</dt><dd>People that are known by name. Requests of nobody known are counted as <em>unnamed</em>.</dd>
<dt>Sent</dt><dd>Bytes that went to the service; 1 MB is 1,000,000 bytes. Where a dash stands, no log counted them.</dd>
<dt>Findings</dt><dd>Sensitive values (a key, a card number, a name the policy protects) that stood in what was sent.
They are counted only where traffic was decrypted: 0 for a service known from logs means <em>not looked</em>.</dd>
<dt>Trend</dt><dd>Requests a day, of the last thirty days at most, each service to its own scale.</dd>
<dt>Hint</dt><dd>Sizes and times of a connection that was not decrypted and looks like AI use. It may be something else:
look before acting.</dd>
<dt>Live and logs</dt><dd>What passed through weir, and what was read out of log files of other proxies, firewalls and
resolvers. The same request may stand in both, where a log covers traffic that weir saw too.</dd>
<dt>Times</dt><dd>are UTC.</dd>
</dl>
"""


def page(report: ShadowReport) -> str:
    """The whole page, one string of HTML. Everything from outside is escaped; style and scripts run by their hashes."""
    grids = [
        page_services.services(report), page_services.new(report), page_tables.people(report),
        page_tables.teams(report), page_tables.credentials(report), page_tables.blind(report),
        page_tables.hints(report),
    ]  # fmt: skip
    style = _style() + "@media screen and (max-width:640px){\n" + "".join(grid.css() for grid in grids)
    style += (
        '.coverage td:nth-child(3):before{content:"Exchanges"}\n.coverage td:nth-child(4):before{content:"Share"}\n}'
    )
    library, script = _library(), _script()
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    sections = list(_sections(report, {grid.id: grid for grid in grids}))
    menu = "".join(f'<li><a href="#{ident}">{title}</a></li>' for ident, title, _ in sections)
    lines = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">',
        f"<title>Shadow AI report, {_period(report)}</title>\n<style>{style}</style></head><body>",
        '<a class="skip" href="#main">To the content</a>',
        *_header(report),
        f'<nav aria-label="Sections"><ul>{menu}</ul></nav></header>\n<main id="main">',
        *(
            f'<section id="{ident}" aria-labelledby="h-{ident}"><h2 id="h-{ident}">{title}</h2>\n{body}\n</section>'
            for ident, title, body in sections
        ),
        f"</main><footer><p>{_made(report)} by <code>weir report shadow-ai --format html</code>. ",
        "This file needs nothing but itself: it loads nothing and sends nothing.</p></footer>",
        f'<script type="application/json" id="data">{page_charts.data(report)}</script>',
        f"<script>{library}</script>\n<script>{script}</script>",
        "</body></html>",
    ]
    return "\n".join(lines) + "\n"


def _header(report: ShadowReport) -> Iterator[str]:
    yield f'<header><h1>Shadow AI report</h1><p class="period">{_period(report)} <span class="dim">(UTC)</span></p>'
    yield f'<p class="dim">{_made(report)}</p>'
    totals = report.totals
    figures: Sequence[tuple[str, str, str]] = (
        ("AI services in use", count(totals.services), ""),
        ("not approved", count(totals.unsanctioned), "bad" if totals.unsanctioned else ""),
        ("new this week", count(totals.new), ""),
        ("people", count(totals.users), ""),
        ("requests", count(totals.requests), ""),
        ("sent", amount(totals.bytes_up), ""),
        ("sensitive findings", count(totals.findings), "bad" if totals.findings else ""),
    )
    cells = "".join(f'<div class="{kind}"><dt>{name}</dt><dd>{value}</dd></div>' for name, value, kind in figures)
    yield f'<dl class="totals">{cells}</dl>'


def _sections(report: ShadowReport, grids: dict[str, Grid]) -> Iterator[tuple[str, str, str]]:
    """(id, title, HTML) in the order of a busy reader. What is empty says so in a sentence, or is left out."""
    if not report.services:
        yield "nothing", "No AI service was seen", _nothing(report)
    if report.steps:
        yield "next", "What to do next", "\n".join(_steps(report))
    if report.services:
        charts = "".join(page_charts.figures(report))
        if charts:
            yield "use", "Use at a glance", f'<div class="figures">{charts}</div>'
        yield "all", f"Services by use <small>{count(len(report.services))}</small>", _of(grids["services"])
        yield "fresh", *_section("New this week", grids["new"], "", "No service was seen for the first time.")
    if report.people:
        title, body = _section("Who uses what", grids["people"], _ABOUT_PEOPLE, "")
        fold = "<h3>By team</h3>" + _of(grids["teams"]) if any(one.team for one in report.people) else ""
        yield "who", title, body + fold
    if report.services or report.credentials:
        yield "keys", *_section("Personal credentials", grids["credentials"], _ABOUT_KEYS, "None was seen.")
    if report.services or report.blind:
        yield "dark", *_section("Clients that can't be looked into", grids["blind"], _ABOUT_BLIND, "None was seen.")
    if report.hints:
        yield "maybe", *_section("Hints", grids["hints"], _ABOUT_HINTS, "")
    seen = "\n".join(page_tables.coverage(report))
    yield "coverage-of", "Coverage", _ABOUT_COVERAGE + seen if seen else "<p>Nothing was recorded in this period.</p>"
    yield "how", "How to read this", _HOW


_ABOUT_PEOPLE = (
    '<p class="dim">A person, or the device or address where no person is known. ✕ marks services that are neither '
    "sanctioned nor tolerated.</p>"
)
_ABOUT_KEYS = (
    '<p class="dim">Keys and accounts that are none of the company’s: what they send, nobody but their owner can see '
    "or delete. A fingerprint tells two apart and does not hold the key.</p>"
)
_ABOUT_BLIND = '<p class="dim">Who used them and how much they sent is known; what they sent is not.</p>'
_ABOUT_HINTS = (
    '<p class="warn">Hints, not facts: these connections were not decrypted. Their sizes and times look like AI use; '
    "look before acting.</p>"
)
_ABOUT_COVERAGE = '<p class="dim">Figures above rest on what was seen; this is how far that goes.</p>'


def _section(title: str, grid: Grid, about: str, empty: str) -> tuple[str, str]:
    heading = f"{text(title)} <small>{count(len(grid.rows))}</small>"
    return heading, about + _of(grid) if grid.rows else f"<p>{empty}</p>"


def _of(grid: Grid) -> str:
    return "\n".join(grid.html())


def _steps(report: ShadowReport) -> Iterator[str]:
    yield f'<ol class="steps">{"".join(_step(report, step) for step in report.steps[:_STEPS])}</ol>'
    rest = report.steps[_STEPS:]
    if rest:
        yield f"<details><summary>{many(len(rest), 'more step')}</summary>"
        yield f'<ol class="steps" start="{_STEPS + 1}">{"".join(_step(report, step) for step in rest)}</ol></details>'


def _step(report: ShadowReport, step: Step) -> str:
    named, names = page_services.anchors(report), {one.id: one.name or one.id for one in report.services}
    links = ", ".join(
        f'<a href="#{named[one]}">{text(names[one])}</a>' if one in named else text(one) for one in step.services
    )
    about = f'<p class="dim">{links}</p>' if links else ""
    run = f"<pre><code>{_lines(step.command)}</code></pre>" if step.command else ""
    return f"<li><h3>{text(step.title)}</h3><p>{text(step.why)}</p>{about}{run}</li>"


def _lines(command: str) -> str:
    return "\n".join(text(line) for line in command.split("\n"))


def _nothing(report: ShadowReport) -> str:
    hints = "<p>There are hints of use further down.</p>" if report.hints else ""
    return (
        f"<p>Either nobody used one, or the traffic did not come past weir.</p>{hints}<ul>"
        "<li>Send clients through weir: <code>weir run</code>, and <code>weir doctor</code> says what is missing.</li>"
        "<li>Read the logs of the proxy, firewall or resolver that is there: <code>weir discover FILE…</code></li>"
        "<li>Look further back: <code>weir report shadow-ai --since 90d</code></li></ul>"
    )


def _period(report: ShadowReport) -> str:
    until = f"{report.until:%Y-%m-%d %H:%M}"
    return f"{report.since:%Y-%m-%d %H:%M} to {until}" if report.since else f"Everything up to {until}"


def _made(report: ShadowReport) -> str:
    return f"Made {report.made:%Y-%m-%d %H:%M} UTC"


@cache
def _style() -> str:
    return _HERE.joinpath("page.css").read_text("utf-8")


@cache
def _script() -> str:
    return _HERE.joinpath("page.js").read_text("utf-8")


@cache
def _library() -> str:
    return _SOURCE_MAP.sub("\n", _HERE.joinpath("vendor", "chart.umd.min.js").read_text("utf-8"))


def _hash(inline: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"
