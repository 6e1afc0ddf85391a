"""What a refused client reads."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from weir.policy.refusal import Problem, as_html, as_json, headers, wants_html

PROBLEM = Problem(403, "approved-services-only", 'Not <approved> & "checked"', "0190-abc")
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"


def test_json() -> None:
    assert json.loads(as_json(PROBLEM)) == {
        "type": "urn:weir:rule:approved-services-only",
        "title": "This is not allowed here",
        "status": 403,
        "detail": 'Not <approved> & "checked"',
        "rule": "approved-services-only",
        "request_id": "0190-abc",
    }


def test_headers() -> None:
    found = headers(PROBLEM)
    assert found["x-weir-rule"] == "approved-services-only"
    assert found["x-should-retry"] == "false"
    assert found["x-weir-request"] == "0190-abc"
    assert found["cache-control"] == "no-store"


def test_headers_cannot_be_split() -> None:
    found = headers(Problem(403, "a\r\nset-cookie: b", "say", "c\nd"))
    assert found["x-weir-rule"] == "a__set-cookie__b"
    assert not any("\n" in value or "\r" in value for value in found.values())


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.attributes: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {f"{tag}.{name}": value or "" for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page() -> None:
    page = _Page()
    text = as_html(PROBLEM)
    page.feed(text)
    assert 'Not <approved> & "checked"' in page.text
    assert "0190-abc" in page.text
    assert page.attributes["html.lang"] == "en"
    assert page.attributes["meta.name"]
    assert page.tags.count("h1") == page.tags.count("main") == 1
    assert "prefers-color-scheme: dark" in text
    assert not {"script", "img", "link", "iframe", "approved"} & set(page.tags)
    assert not re.search(r"https?://|url\(|@import", text)


@pytest.mark.parametrize("say", ["</p><script>x</script>", "$say ${rule} $$", "\ud800", "\x00", "é ✓"])
def test_page_survives_any_text(say: str) -> None:
    problem = Problem(400, say, say, say)
    assert "<script" not in as_html(problem)
    as_html(problem).encode("utf-8")
    json.loads(as_json(problem))
    for value in headers(problem).values():
        value.encode("ascii")


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read_in_both_schemes() -> None:
    schemes = re.findall(r":root \{(.*?)\}", as_html(PROBLEM), re.S)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#\w{6})", scheme))
        for ink in ("ink", "quiet"):
            assert _contrast(colours[ink], colours["card"]) >= 4.5


@pytest.mark.parametrize(
    ("sent", "html"),
    [
        ({"accept": "text/html,*/*;q=0.8", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
        ({"accept": "text/html,*/*;q=0.8", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}, False),
        ({"accept": "text/html", "sec-fetch-dest": "iframe"}, True),
        ({"accept": "application/json", "sec-fetch-mode": "navigate"}, False),
        ({"accept": "application/xhtml+xml,application/xml", "user-agent": CHROME}, True),
        ({"accept": "text/html", "user-agent": CHROME}, True),
        ({"accept": "text/html", "user-agent": CHROME, "x-requested-with": "XMLHttpRequest"}, False),
        ({"accept": "text/html;q=0", "user-agent": CHROME}, False),
        ({"accept": "text/html;q=0.9", "user-agent": CHROME}, True),
        ({"accept": "*/*", "user-agent": CHROME}, False),
        ({"accept": "text/html", "user-agent": "curl/8"}, False),
        ({"accept": "application/json", "user-agent": "OpenAI/Python 3"}, False),
        ({}, False),
    ],
)
def test_wants_html(sent: dict[str, str], html: bool) -> None:
    assert wants_html(sent) is html


def test_what_to_use_instead_stands_on_the_page_and_in_the_document() -> None:
    others = (("Chat <b>", "https://chat.example/?a=1&b=2"), ("Model API", ""), ("Third", "https://third.example/"))
    problem = Problem(403, "r", "No.", alternatives=others)
    page = as_html(problem)
    assert (
        'Approved for this: <a href="https://chat.example/?a=1&amp;b=2" rel="noreferrer">Chat &lt;b&gt;</a>, '
        "Model API or "
        '<a href="https://third.example/" rel="noreferrer">Third</a>.'
    ) in page
    assert json.loads(as_json(problem))["alternatives"] == [
        {"name": "Chat <b>", "url": "https://chat.example/?a=1&b=2"},
        {"name": "Model API"},
        {"name": "Third", "url": "https://third.example/"},
    ]
    plain = Problem(403, "r", "No.")
    assert "Approved" not in as_html(plain) and "alternatives" not in json.loads(as_json(plain))
