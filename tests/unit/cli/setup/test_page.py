"""The setup page: no script, nothing from elsewhere, every value escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime

from weir.cli.setup.page import About, page, policy_of_page

FINGER = ":".join(f"{number:02X}" for number in range(32))
ABOUT = About(
    "CA <b>&", FINGER, datetime(2031, 1, 31, tzinfo=UTC), "http://weir.example:8080", "http://s.example:1", 'a "<i>":'
)


def test_it_shows_the_fingerprint_whole_and_escapes() -> None:
    text = page(ABOUT).decode()
    shown = re.search(r'class="finger">([^<]*)<', text)
    assert shown is not None and shown[1].replace(" ", ":") == FINGER
    assert "CA &lt;b&gt;&amp;" in text and "<b>" not in text and "<i>" not in text
    assert "2031-01-31" in text and "http://weir.example:8080" in text


def test_no_script_and_nothing_from_elsewhere() -> None:
    text = page(ABOUT).decode()
    assert not re.search(r"<script|<img|<link|<iframe|<form| on\w+=|javascript:", text)
    assert all(link.startswith("/") for link in re.findall(r'(?:href|src)="([^"]*)"', text))


def test_the_policy_of_the_page_is_that_of_its_style() -> None:
    style = re.search(r"<style>(.*?)</style>", page(ABOUT).decode(), re.DOTALL)
    assert style is not None
    mark = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    said = policy_of_page()
    assert f"style-src 'sha256-{mark}'" in said and "default-src 'none'" in said and "unsafe" not in said
