"""The page is whole, needs nothing from elsewhere, and what strangers wrote stays text."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

import weir.reports.shadow.page as made
from harness.htmltree import Tree
from harness.shadowsample import MADE, hostile, large, sample
from weir.reports.shadow.model import Hint, ShadowReport, Step
from weir.reports.shadow.page import page

EMPTY = ShadowReport(made=MADE, since=None, until=MADE)
EVIL = "</script></style><img src=x onerror=alert(1)>\"'<!--\u202e\x1b[31m\x00\ud800&amp;"
VENDOR = Path(made.__file__).parent / "vendor"


@pytest.fixture(scope="module")
def whole() -> str:
    return page(sample())


def test_every_section_stands_in_order(whole: str) -> None:
    heads = re.findall(r'<h2 id="h-([\w-]+)">', whole)
    assert heads == ["next", "use", "all", "fresh", "who", "keys", "dark", "maybe", "coverage-of", "how"]
    links = re.findall(r'<li><a href="#([\w-]+)">', whole)
    assert links == heads


@pytest.mark.parametrize(
    "report", [sample(), EMPTY, hostile(EVIL), large(60)], ids=["full", "empty", "hostile", "large"]
)
def test_the_html_is_sound(report: ShadowReport) -> None:
    tree = Tree(page(report))
    assert tree.wrong == []
    ids = set(tree.values("id"))
    missing = [link for link in tree.values("href") if link[1:] not in ids]
    assert not missing, missing


def test_nothing_is_fetched_and_only_what_is_known_runs(whole: str) -> None:
    tree = Tree(whole)
    policy = next(str(attrs["content"]) for attrs in tree.named("meta") if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
    inline = [text for text in tree.raw if not text.startswith("{")]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline}
    assert hashes == set(re.findall(r"'sha256-([^']+)'", policy)) and len(hashes) == 3
    assert not tree.values("src") and not tree.values("style") and "sourceMappingURL" not in whole
    assert not [name for _, attrs in tree.tags for name in attrs if name.startswith("on")]
    assert all(link.startswith("#") for link in tree.values("href"))
    assert len(whole.encode()) < 500_000


def test_what_strangers_wrote_is_text_everywhere() -> None:
    html = page(hostile(EVIL))
    tree = Tree(html)
    harmless = Tree(page(hostile("plain")))
    assert [tag for tag, _ in tree.tags] == [tag for tag, _ in harmless.tags]
    assert "img" not in {tag for tag, _ in tree.tags}
    assert not {"\u202e", "\x1b", "\x00", "\ud800"} & set(html)
    assert tree.text.count("onerror=alert(1)") == harmless.text.count("plain") > 20


def test_numbers_stand_at_the_top(whole: str) -> None:
    totals = re.search(r'<dl class="totals">(.*?)</dl>', whole, re.S)
    assert totals
    found = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", totals[1]))
    report = sample()
    assert found["AI services in use"] == "25" and found["people"] == "341"
    assert found["requests"] == f"{report.totals.requests:,}" and found["sent"].endswith(" GB")


def test_period_and_time_of_making(whole: str) -> None:
    text = Tree(whole).text
    assert "2026-03-01 06:00 to 2026-03-31 06:00 (UTC)" in text and "Made 2026-03-31 06:00 UTC" in text
    assert "Everything up to 2026-03-31 06:00" in Tree(page(EMPTY)).text


def test_an_empty_report_says_what_to_do() -> None:
    text = Tree(page(EMPTY)).text
    for said in ("No AI service was seen", "weir run", "weir discover FILE", "--since 90d", "Nothing was recorded"):
        assert said in text
    assert "Who uses what" not in text and "Personal credentials" not in text


def test_hints_alone_are_pointed_at() -> None:
    report = replace(EMPTY, hints=(Hint("a.example", "many records", 1, 1, 1, MADE),))
    text = Tree(page(report)).text
    assert "hints of use further down" in text and "Hints, not facts" in text


def test_steps_lead_to_services_and_the_eighth_folds() -> None:
    steps = tuple(Step(f"Look at {at}", "why", ("chatgpt", "nowhere"), "weir report x\nweir check") for at in range(9))
    html = page(replace(sample(), steps=steps))
    assert "2 more steps" in html and "<code>weir report x\nweir check</code>" in html
    target = re.search(r'<a href="#(s\d+)">ChatGPT</a>, nowhere', html)
    assert target and f'<tr id="{target[1]}"><th scope="row" data-v="chatgpt">' in html


def test_the_bundled_library_is_what_its_note_says() -> None:
    note = (VENDOR / "README.md").read_text()
    file = (VENDOR / "chart.umd.min.js").read_bytes()
    assert hashlib.sha256(file).hexdigest() in note and f"{len(file):,} bytes" in note
    version = re.search(rb"Chart\.js v([\d.]+)", file)
    assert version and f"`chart.js` {version[1].decode()}, MIT" in note
    assert "MIT" in (VENDOR / "LICENSE.md").read_text() and b"</script" not in file and b"<!--" not in file
