"""The page needs nothing from elsewhere, and what strangers wrote into records cannot act in it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from html.parser import HTMLParser

from weir.reports.evidence.controls import frameworks
from weir.reports.evidence.page import ROWS_MAX, page
from weir.reports.evidence.section import Section, Titled
from weir.reports.table import Table

EVIL = '<script>alert(1)</script>"\u202e\x1b[31m&'
SECTIONS = [
    Section(name, name.title(), ("A sentence.",))
    for name in {name for item in frameworks() for one in item.controls for name in one.evidence}
]


class Seen(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(*tables: Titled, says: tuple[str, ...] = ()) -> Seen:
    return Seen(page(EVIL, {"Proxy": EVIL}, [EVIL], [Section("one", EVIL, says, tables), *SECTIONS], frameworks()))


def test_what_came_from_records_is_text() -> None:
    rows = tuple((EVIL, at, None, datetime(2026, 1, 2, 3, 4), True, 0.25, Decimal(7)) for at in range(3))
    table = Table(EVIL, ("host", "count", "none", "at", "yes", "share_pct", "sum"), rows)
    seen = shown(Titled("evil", table), says=(f"FOUND: {EVIL}",))
    assert "script" not in {tag for tag, _ in seen.tags}
    assert "<script>alert(1)</script>" in seen.text and "\u202e" not in seen.text and "\x1b" not in seen.text
    assert "2026-01-02 03:04:00" in seen.text and "share %" in seen.text
    assert any(attrs.get("class") == "bad" for tag, attrs in seen.tags if tag == "p")


def test_nothing_is_fetched() -> None:
    seen = shown()
    policy = next(attrs for tag, attrs in seen.tags if "http-equiv" in attrs)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    for tag, attrs in seen.tags:
        assert tag not in ("script", "link", "img", "iframe", "object") and "src" not in attrs
        assert not str(attrs.get("href", "#")).startswith(("http", "//")), attrs


def test_links_lead_somewhere() -> None:
    seen = shown()
    ids = {attrs["id"] for _, attrs in seen.tags if "id" in attrs}
    assert {str(attrs["href"])[1:] for _, attrs in seen.tags if str(attrs.get("href", "")).startswith("#")} <= ids


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = tuple((f"host{at}",) for at in range(ROWS_MAX + 5))
    seen = shown(Titled("hosts", Table("Hosts", ("host",), rows)), Titled("none", Table("None", ("host",), ())))
    assert f"The first {ROWS_MAX} of {ROWS_MAX + 5} rows" in seen.text and f"host{ROWS_MAX}" not in seen.text
    assert "None in this period." in seen.text
