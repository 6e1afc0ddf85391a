from __future__ import annotations

import unicodedata

import pytest

from weir.dlp.views.alike import LOOK_ALIKES, fold
from weir.dlp.views.normal import normalised_view


def test_every_look_alike_is_one_letter_for_one_and_nfkc_leaves_it_alone() -> None:
    for strange, plain in LOOK_ALIKES.items():
        assert len(strange) == len(plain) == 1
        assert not strange.isascii() and plain.isascii() and plain.isalnum()
        assert not unicodedata.normalize("NFKC", strange).isascii(), hex(ord(strange))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("sk-\u0440roj-abc123", "sk-proj-abc123"),  # Cyrillic er
        ("\u0410\u041a\u0406\u0410QRST2345", "AKIAQRST2345"),  # all four Cyrillic
        ("\u0391KIAQRST2345", "AKIAQRST2345"),  # Greek
        ("gh\u0585_secret12", None),  # no neighbour but punctuation on one side: still mixed with gh
        ("ghp_\uab93x1y2z3", None),
    ],
)
def test_a_word_that_mixes_scripts_is_read_as_ascii(text: str, read: str | None) -> None:
    assert len(fold(text)) == len(text)
    if read is not None:
        assert fold(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "Обычный русский текст, кто-то написал его для API и JSON-объекта в 2024-м году.",
        "Το κλειδί του API είναι μυστικό και το JSON-αρχείο επίσης.",
        "Այս տեքստը հայերեն է։",
        "日本語のテキスト",
        "5-го мая",
    ],
)
def test_prose_of_another_script_stays_as_it_is(text: str) -> None:
    assert fold(text) is text


def test_a_short_mixed_word_stays() -> None:
    assert fold("аb") == "аb"


def test_the_normal_view_leads_from_a_look_alike_back_to_it() -> None:
    text = "é key sk-\u0440r\u200boj-abc123 end"
    view = normalised_view(text)
    assert view is not None
    at = view.text.index("sk-proj-abc123")
    start, end = view.origin(at, at + len("sk-proj-abc123"))
    assert text[start:end] == "sk-\u0440r\u200boj-abc123"


def test_look_alikes_that_a_reading_brings_about_are_read_too() -> None:
    view = normalised_view("sk-\U0001d6c2bc12345678")  # a mathematical alpha: Greek by NFKC, ASCII by its looks
    assert view is not None and view.text == "sk-abc12345678"
