from __future__ import annotations

import unicodedata

import pytest

from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.views import normalised_view


@pytest.mark.parametrize("text", ["", "plain", "naïve", "日本語", "x" * 100])
def test_a_text_that_reads_the_same_has_no_view(text: str) -> None:
    assert normalised_view(text) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("４１１１", "4111"),
        ("a\u200bb", "ab"),
        ("\ufeffsk\u2060-x", "sk-x"),
        ("٤٥٦", "456"),
        ("½", "1⁄2"),
        ("ﬁle", "file"),
        ("212–555", "212-555"),
        ("ſk", "sk"),
        ("\u212aelvin", "Kelvin"),
        ("bob＠acme．com", "bob@acme.com"),
        ("\u200b", ""),
    ],
)
def test_reading(text: str, read: str) -> None:
    view = normalised_view(text)
    assert view is not None
    assert view.text == read


@pytest.mark.parametrize(
    ("text", "found", "origin"),
    [
        ("id ４１１１ x", "4111", "４１１１"),
        ("to b\u200bo\u200bb now", "bob", "b\u200bo\u200bb"),
        ("a ﬁle ４", "file", "ﬁle"),
        ("ﬁﬁ ４２", "42", "４２"),
        ("½4", "24", "½4"),
    ],
)
def test_offsets_lead_back(text: str, found: str, origin: str) -> None:
    view = normalised_view(text)
    assert view is not None
    at = view.text.index(found)
    start, end = view.origin(at, at + len(found))
    assert text[start:end] == origin


INVISIBLE = (
    *"\x00\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f\x80\x85\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u180f\u200b",
    *"\u200e\u202e\u2060\u2065\u206f\u3164\ufe0f\ufeff\uffa0\ufff0\ufff9\ufffb\ufffd\ud800\udfff\u0600\u06dd",
    *"\U0001bca0\U0001d173\U00013430\U000e0001\U000e0041\U000e01ef\U000e0fff",
)


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda character: f"U+{ord(character):04X}")
@pytest.mark.parametrize("around", ["", "naïve "], ids=["ascii", "not ascii"])
def test_what_is_not_seen_is_not_read(character: str, around: str) -> None:
    view = normalised_view(f"{around}ke{character}{character}y 12")
    assert view is not None
    assert view.text == f"{around}key 12"
    at = view.text.index("key")
    assert view.origin(at, at + 3) == (len(around), len(around) + 5)
    assert view.origin(at + 4, at + 6) == (len(around) + 6, len(around) + 8)


def test_everything_that_unicode_calls_control_or_format_is_unseen_but_the_layout() -> None:
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs"):
            view = normalised_view(f"a{chr(code)}b")
            if chr(code) in "\t\n\r":
                assert view is None
            else:
                assert view is not None and view.text == "ab", hex(code)


@pytest.mark.parametrize("text", ["a\tb\r\nc", "tab\tnaïve\n", " !~"])
def test_layout_is_seen(text: str) -> None:
    assert normalised_view(text) is None


@pytest.mark.parametrize("filler", ["a", "é", "\u200b", "４", "½"])
def test_offsets_hold_over_windows(filler: str) -> None:
    text = filler * 70_000 + " k\x00ey ４２ " + filler * 40_000
    view = normalised_view(text)
    assert view is not None
    for found, origin in (("key", "k\x00ey"), ("42", "４２")):
        at = view.text.index(f" {found} ") + 1
        start, end = view.origin(at, at + len(found))
        assert text[start:end] == origin


def test_a_reading_cannot_swell_the_text() -> None:
    assert normalised_view("\ufdfa" * 10) is None  # eighteen Arabic characters each, and no ASCII but spaces
    view = normalised_view("⑽")
    assert view is not None and view.text == "(10)"


def test_out_of_time_raises() -> None:
    with pytest.raises(OutOfTime):
        normalised_view("é", Deadline(0.0))
    assert normalised_view("plain", Deadline(0.0)) is None
