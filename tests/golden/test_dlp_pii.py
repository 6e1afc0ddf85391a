"""Recall and precision on labelled texts that are generated, against the targets, and false finds on clean code."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from golden.dlp_equivalence.groups import Groups
from golden.dlp_equivalence.values import Values
from weir.dlp.core.overlaps import resolve
from weir.dlp.personal.presidio import load_detectors

TEXTS = 1_000
FRAMES = (
    "My {word} is {value}, thanks.",
    "{value}",
    "Bitte an {value} senden",
    "x = '{value}'\n",
    "({value})",
    "{word}: {value}; next",
    "- {value}\n- other",
    '{{"{word}": "{value}", "n": 1}}',
    "id,{word},note\n17,{value},none\n",
)
PHONE_FRAMES = (
    "Call me at {value} tomorrow.",
    "Tel. {value}",
    "my number is {value}",
    "{value}",
    "Ring {value} if lost",
    "phone: {value}",
    "Erreichbar unter {value}.",
    "Contact: {value}, Mon-Fri",
    "Anna, {value}, Berlin",
)
COUNTRIES = "US GB DE FR IT ES NL PL SE CH AT BE IN BR CA AU JP SG ZA MX IE DK NO PT"


@cache
def detectors(packs: tuple[str, ...] = ()) -> Groups:
    return Groups(load_detectors(None, 0.5, packs))


def found(text: str, packs: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Entity and value of what is found."""
    hits = [
        (start, end, score, detector.severity, detector.name)
        for detector, start, end, score in detectors(packs).find(text)
    ]
    return [(name.removeprefix("pii/"), text[start:end]) for start, end, _, _, name in resolve(hits)]


@pytest.mark.parametrize(
    ("entity", "make", "word", "target"),
    [
        ("EMAIL_ADDRESS", Values.email, "email", 0.99),
        ("IBAN_CODE", Values.iban, "iban", 0.99),
        ("US_SSN", Values.ssn, "ssn", 0.99),
        ("IP_ADDRESS", Values.address, "ip", 0.99),
        ("CREDIT_CARD", Values.card, "card", 0.95),
    ],
)
def test_recall(entity: str, make: Callable[[Values], str], word: str, target: float) -> None:
    values, missed = Values(7), []
    for _ in range(TEXTS):
        value = make(values)
        text = values.random.choice(FRAMES).format(word=word, value=value)
        if (entity, value) not in found(text):
            missed.append(text)
    assert 1 - len(missed) / TEXTS >= target, missed[:10]


def phoneless(values: Values) -> Iterator[str]:
    """Texts full of numbers, none of which is a phone's."""
    pick, digits, number = values.random.choice, values.digits, values.random.randrange
    while True:
        yield pick(
            [
                f"order {digits(8)}-{digits(3)} shipped",
                f"invoice no. {digits(10)}",
                f"version {number(20)}.{number(20)}.{number(2000)}-{digits(3)}",
                f"at 20{number(10, 30)}-{number(10, 13)}-{number(10, 29)} {number(10, 24)}:{number(10, 60)}",
                f"epoch 17{digits(8)} and 17{digits(11)}",
                f"host {number(11, 250)}.{number(250)}.{number(250)}.{number(250)}:{number(1000, 9999)}",
                f"at {number(90)}.{digits(6)}, {number(180)}.{digits(6)}",
                f"ISBN 978-{number(1, 9)}-{digits(4)}-{digits(4)}-{number(9)}",
                f"commit {digits(7)}{pick('abcdef')}{digits(6)}",
                f"card {values.card()}",
                f"IBAN {values.iban()}",
                f"pi is 3.{digits(14)}",
                f"array([{number(99)}, {number(999)}, {number(9999)}, {number(999)}, {number(99)}])",
                f"{number(10, 99)}.{number(10, 13)}.20{number(10, 30)}, {number(100, 999)},{digits(3)}.{digits(2)} EUR",
                f"tracking 1Z{digits(16)}",
                f"id={digits(18)}&page={number(9)}",
            ]
        )


def test_phones_recall_and_precision() -> None:
    values, right, missed, wrong = Values(11), 0, [], []
    countries = COUNTRIES.split()
    negatives = phoneless(values)
    for _ in range(TEXTS):
        value, _form = values.phone(values.random.choice(countries))
        text = values.random.choice(PHONE_FRAMES).format(value=value)
        numbers = [number for entity, number in found(text) if entity == "PHONE_NUMBER"]
        hit = any(value in number or number in value for number in numbers)
        right += hit
        missed += [] if hit else [text]
        other = next(negatives)
        wrong += [(other, number) for entity, number in found(other) if entity == "PHONE_NUMBER"]
    assert right / TEXTS >= 0.60, missed[:10]
    assert right / (right + len(wrong)) >= 0.90, wrong[:10]


def test_the_other_countries_numbers_are_found_with_their_pack() -> None:
    values, missed = Values(13), []
    countries = ("DK", "PL", "ES", "IT", "SE", "NL")
    for number in range(300):
        value, _form = values.phone(countries[number % len(countries)])
        text = f"phone: {value}"
        numbers = [n for e, n in found(text, tuple(c.lower() for c in countries)) if e == "PHONE_NUMBER"]
        missed += [] if any(value in n or n in value for n in numbers) else [text]
    assert len(missed) <= 0.1 * 300, missed[:10]


@pytest.mark.parametrize("packs", [(), ("us", "uk", "de", "fr")])
def test_clean_code_has_few_finds(packs: tuple[str, ...]) -> None:
    """Of those there are, most are the real addresses of the standard library's authors."""
    root = Path(sysconfig.get_paths()["stdlib"])
    chars, finds = 0, []
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).parts
        if not {"site-packages", "test", "idlelib", "lib2to3"} & set(parts):
            text = file.read_text("utf-8", "replace")
            chars += len(text)
            finds += [(file.name, *find) for find in found(text, packs)]
    assert chars > 5_000_000
    assert len(finds) / chars * 100_000 <= 2, finds[:50]
    false = [find for find in finds if find[1] != "EMAIL_ADDRESS"]
    assert len(false) / chars * 100_000 <= 0.5, false[:50]
