from __future__ import annotations

import re

import pytest

from weir.dlp.personal.context import AFTER_CHARS, BEFORE_CHARS, ContextWords, forms

WORDS = ContextWords(["SSN", "social security", "steuer*", "Führerschein", "ss#", "주민등록번호", "d'identité"])


@pytest.mark.parametrize(
    ("before", "after", "near"),
    [
        ("ssn: ", "", True),
        ("SSNs ", "", True),
        ("ssnx ", "", False),
        ("assn ", "", False),
        ("customer_ssn=", "", True),
        ("customerSsn=", "", True),
        ("social_security_no ", "", True),
        ("socialSecurity ", "", True),
        ("Social-Security ", "", True),
        ("social and security ", "", False),
        ("Steueridentnummer ", "", True),
        ("besteuert ", "", False),
        ("FÜHRERSCHEIN ", "", True),
        ("Fuhrerschein ", "", True),
        ("ss# ", "", True),
        ("주민등록번호는 ", "", True),
        ("carte d’identité ", "", False),
        ("carte d'identite ", "", True),
        ("", " (SSN)", True),
        ("", " is my ssn", True),
        ("", "\nssn", False),
        ("", " " * AFTER_CHARS + "ssn", False),
        ("", " [REDACTED:pii/x] ssn", False),
        ("", " <US_SSN_1> ssn", False),
        ("ssn <US_SSN_1> ", "", False),
        ("ssn" + " " * (BEFORE_CHARS - 3), "", True),
        ("ssn" + " " * (BEFORE_CHARS - 2), "", False),
    ],
)
def test_words_around_a_hit(before: str, after: str, near: bool) -> None:
    text = f"{before}123{after}"
    assert WORDS.around(text, len(before), len(before) + 3) is near


def test_no_words_no_context() -> None:
    nothing = ContextWords([" ", "*"])
    assert not nothing.around("ssn 123", 4, 7)
    assert (nothing.words, nothing.gate) == ((), "")


@pytest.mark.parametrize("text", ["ssn", "x_SSN", "Social  Security", "führerschein", "Steuernummer", "주민등록번호"])
def test_the_gate_is_open_wherever_a_word_is(text: str) -> None:
    assert WORDS.around(f"{text} 1", len(text) + 1, len(text) + 2)
    assert re.search(WORDS.gate, text)
    assert not re.search(WORDS.gate, "nothing of that kind")


def test_forms_of_a_word() -> None:
    assert forms(" Téléphone ") == ("téléphone", "telephone")
    assert forms("tel") == ("tel",)
