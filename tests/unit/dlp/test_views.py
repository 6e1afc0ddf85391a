from __future__ import annotations

import pytest

from weir.dlp.views import normalised_view


@pytest.mark.parametrize("text", ["", "plain", "naïve", "日本語", "\ud800", "x" * 100])
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
