"""The shadow AI report in a real browser: it draws, fits, sorts, prints, and runs nothing that strangers wrote."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from harness.browser import Browser, chromium
from harness.processes import until
from harness.shadowsample import hostile, large, sample
from weir.reports.shadow.model import ShadowReport
from weir.reports.shadow.page import page

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.needs("chromedriver"),
    pytest.mark.xdist_group("shadow-report-page"),
]
EVIL = (
    "</script></style></title></textarea><script>window.hit=1</script><img src='http://127.0.0.1:9/x' "
    "onerror='window.hit=1'><svg onload=window.hit=1>\"'` onmouseover=\"window.hit=1\" {{7*7}} javascript:window.hit=1 "
    "\u202egnp.exe\u2066\x1b[2J\x00<!--]]>"
)
DRAWN = """
const canvas = document.getElementById(arguments[0]);
const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
copy.drawImage(canvas, 0, 0);
const seen = copy.getImageData(0, 0, canvas.width, canvas.height).data;
const colours = new Set();
for (let at = 0; at < seen.length; at += 4) {
  if (seen[at + 3] === 255) colours.add(seen[at] + "," + seen[at + 1] + "," + seen[at + 2]);
}
return [...colours];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    """Open a report: ``show(report, width=…, scheme="dark", scripts=False)``. Whatever it shows, it asks for nothing,
    and the console stays empty."""

    def opened(
        report: ShadowReport, *, width: int = 1280, height: int = 900, scheme: str = "light", scripts: bool = True
    ) -> Browser:
        browser.resize(width, height, phone=width < 600)
        browser.prefer(scheme)
        browser.scripts(scripts)
        file = tmp_path / "report.html"
        file.write_text(page(report), "utf-8")
        browser.open(file)
        return browser

    yield opened
    assert browser.problems() == []
    assert browser.asked() == []
    browser.scripts(True)


def colours(browser: Browser, chart: str) -> set[str]:
    return set(browser.run(DRAWN, chart))


def test_the_charts_are_drawn_in_the_colours_of_day_and_night(show: Any) -> None:
    browser = show(sample())
    by_day = colours(browser, "chart-requests")
    assert {"42,157,143", "194,48,60"} <= by_day  # sanctioned, unsanctioned
    assert {"42,157,143", "194,48,60", "224,168,58"} <= colours(browser, "chart-sent")
    assert browser.run("return [...document.querySelectorAll('figure details')].some((one) => one.open)") is False
    browser.prefer("dark")
    until(lambda: {"63,184,168", "229,96,107"} <= colours(browser, "chart-requests"), "the colours of the night")
    assert "42,157,143" not in colours(browser, "chart-requests")


PAIRS = """
const channel = (value) => value <= 10.3 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const behind = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const found = parse(getComputedStyle(at).backgroundColor);
    if (found.length === 3 || found[3] === 1) return found;
  }
  return [255, 255, 255];
};
const poor = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !node.checkVisibility() || node.closest("script,select,option")) continue;
  const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) poor.push([node.className || node.tagName, walk.currentNode.data.slice(0, 20), ratio]);
}
return poor;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(show: Any, scheme: str) -> None:
    browser = show(sample(), scheme=scheme)
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 27)")
    assert browser.run(PAIRS) == []


@pytest.mark.parametrize("report", [sample(), hostile("w" * 300)], ids=["sample", "long words"])
def test_a_phone_needs_no_scrolling_sideways(show: Any, report: ShadowReport) -> None:
    browser = show(report, width=360, height=780)
    assert browser.run("return document.documentElement.scrollWidth") == 360
    assert browser.run("return innerWidth") == 360
    wide = browser.run(
        "return [...document.querySelectorAll('main *')].filter((one) => one.checkVisibility() && "
        "one.getBoundingClientRect().right > 361 && !one.closest('.away,caption,.wide')).map((one) => one.outerHTML)"
    )
    assert wide == []
    label = browser.run(
        "return getComputedStyle(document.querySelector('#services td:nth-child(4)'), '::before').content"
    )
    assert label == '"Users"'


ORDER = "return [...document.querySelectorAll('#services tbody tr:not([hidden]) .name')].map((one) => one.textContent)"


def test_a_table_sorts_by_keyboard_and_says_so(show: Any) -> None:
    browser = show(sample())
    press = """
    const head = document.querySelector('#services thead').rows[0].cells[arguments[0]];
    head.querySelector('button').focus(); document.activeElement.click(); return head.getAttribute('aria-sort');
    """
    assert browser.run(press, 2) == "descending"
    assert browser.run(ORDER)[:3] == ["DeepSeek", "Kimi", "Fireflies"]
    assert browser.run(press, 2) == "ascending" and browser.run(ORDER)[0] == "Anthropic API"
    assert browser.run(press, 0) == "ascending" and browser.run(ORDER)[:2] == ["Anthropic API", "ChatGPT"]
    assert browser.run("return document.querySelectorAll('#services [aria-sort]').length") == 1


def test_a_thousand_services_fold_and_can_be_found(show: Any) -> None:
    browser = show(large(1000))
    assert len(browser.run(ORDER)) == 25
    find = """
    const input = document.querySelector('.tools input');
    input.value = arguments[0]; input.dispatchEvent(new Event('input'));
    return document.querySelector('.tools [role=status]').textContent;
    """
    assert browser.run(find, "service 0987") == "1 of 1,000" and browser.run(ORDER) == ["Service 0987"]
    assert browser.run(find, "") == ""
    browser.run("location.hash = '#s990'")
    assert browser.run("return new Promise((done) => requestAnimationFrame(() => done(1)))") == 1
    box = browser.run("return document.getElementById('s990').getBoundingClientRect().top")
    assert len(browser.run(ORDER)) == 1000 and -1 <= box < 900
    seconds = browser.run(
        "const begin = performance.now(); document.querySelectorAll('#services th button')[4].click();"
        "document.body.offsetHeight; return (performance.now() - begin) / 1000"
    )
    assert seconds < 5


def test_without_scripts_every_number_is_there(show: Any) -> None:
    browser = show(large(60), scripts=False)
    tree = browser.driver.execute_cdp_cmd("DOM.getDocument", {"depth": 1})["root"]["nodeId"]

    def count(selector: str) -> int:
        asked = {"nodeId": tree, "selector": selector}
        return len(browser.driver.execute_cdp_cmd("DOM.querySelectorAll", asked)["nodeIds"])

    assert count(".canvas[hidden]") == 2 and count("figure details[open] tbody tr") == 30 + 10
    assert count("#services tbody tr") == 25 and count("details.rest[data-of=services] tbody tr") == 35
    assert count("th button") == 0 and count(".tools") == 0


def test_it_prints_on_a_few_sheets_in_ink_even_at_night(show: Any) -> None:
    browser = show(sample(), scheme="dark")
    document = pypdfium2.PdfDocument(browser.paper())
    try:
        texts = [sheet.get_textpage().get_text_bounded() for sheet in document]
        width, height = document[0].get_size()
        shades = document[0].render(scale=0.5, grayscale=True).to_numpy()
    finally:
        document.close()
    assert (round(width), round(height)) == (595, 842) and 4 <= len(texts) <= 8
    assert all(len(text.strip()) > 200 for text in texts)  # no sheet with a line left over
    assert "What to do next" in texts[0] and "How to read this" in "".join(texts[-2:])
    tables = [text for text in texts if "unsanctioned" in text and "Requests" in text]
    assert len(tables) >= 2  # headings stand on every sheet of a table
    assert float(shades.mean()) > 200
    until(lambda: "63,184,168" in colours(browser, "chart-requests"), "the night again on the screen")


def test_what_strangers_wrote_runs_nothing(show: Any) -> None:
    browser = show(hostile(EVIL))
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    browser.run("document.querySelectorAll('main *').forEach((one) => one.dispatchEvent(new MouseEvent('mouseover')))")
    assert browser.run("return window.hit === undefined") is True
    assert (
        browser.run("return document.querySelectorAll('main img, main script, main [onerror], main [onload]').length")
        == 0
    )
    assert browser.run("return document.title").startswith("Shadow AI report")
    assert browser.run("return document.querySelector('#services .name').textContent.includes('window.hit=1')") is True


def test_an_empty_report_is_a_page_too(show: Any) -> None:
    small = sample()
    browser = show(ShadowReport(made=small.made, since=None, until=small.until), width=360, height=780)
    assert "No AI service was seen" in browser.run("return document.body.innerText")
    assert math.isclose(browser.run("return document.documentElement.scrollWidth"), 360)
