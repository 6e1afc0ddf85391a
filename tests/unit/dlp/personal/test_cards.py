from __future__ import annotations

import pytest

from harness.effort import within
from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.personal.cards import CardDetector, network_lengths
from weir.dlp.personal.context import ContextWords

CARDS = CardDetector(severity="high", threshold=0.5, context=ContextWords(["card"]))
VISA = "4111" * 1 + "1" * 12
AMEX = "3782" + "82246310005"
DINERS = "3056" + "9309025904"
LONG = "6212" + "345678900000003"
SHORT = "5018" + "00000009"


def found(text: str) -> list[str]:
    return [text[start:end] for start, end, score in CARDS.find(text, Deadline(60)) if score == 1.0]


def spaced(number: str, *sizes: int, mark: str = " ") -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return mark.join(parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (VISA, [VISA]),
        (f"pay {spaced(VISA, 4, 4, 4, 4)} now", [spaced(VISA, 4, 4, 4, 4)]),
        (spaced(VISA, 4, 4, 4, 4, mark="-"), [spaced(VISA, 4, 4, 4, 4, mark="-")]),
        (spaced(VISA, 4, 4, 4, 4, mark="."), [spaced(VISA, 4, 4, 4, 4, mark=".")]),
        (spaced(AMEX, 4, 6, 5), [spaced(AMEX, 4, 6, 5)]),
        (spaced(DINERS, 4, 6, 4), [spaced(DINERS, 4, 6, 4)]),
        (spaced(LONG, 4, 4, 4, 4, 3), [spaced(LONG, 4, 4, 4, 4, 3)]),
        (LONG, []),
        (f"card {LONG}", [LONG]),
        (spaced(SHORT, 4, 4, 4), []),
        (f"card {spaced(SHORT, 4, 4, 4)}", [spaced(SHORT, 4, 4, 4)]),
        (f"{spaced(VISA, 4, 4, 4, 4)} 123", [spaced(VISA, 4, 4, 4, 4)]),
        (f"2024 {spaced(VISA, 4, 4, 4, 4)}", [spaced(VISA, 4, 4, 4, 4)]),
        (f"{VISA} {AMEX}", [VISA, AMEX]),
        (spaced(VISA, 4, 12), []),
        (f"card {spaced(VISA, 4, 12)}", [spaced(VISA, 4, 12)]),
        (VISA[:-1] + "2", []),
        (f"x{VISA}", []),
        (f"{VISA}x", []),
        ("0" * 16, []),
        ("9" * 15 + "5", []),  # no network
        ("1700000000000 1700000000000000 1700000000000000000", []),
        (spaced(VISA, 4, 4, 4, 4, mark="  "), []),
    ],
)
def test_cards(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("prefix", "length"),
    [
        *(
            ("4", 13),
            ("4", 19),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("2720", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
        ),
        *(("622126", 16), ("622925", 16), ("644", 16), ("649", 16), ("65", 16), ("3528", 16), ("3589", 16), ("36", 14)),
        *(("300", 14), ("305", 14), ("3095", 14), ("38", 14), ("39", 14), ("62", 19), ("5018", 12), ("6759", 19)),
        *(("2200", 16), ("2204", 16), ("6521", 16), ("508", 16), ("9792", 16), ("506699", 16), ("606282", 16)),
    ],
)
def test_networks(prefix: str, length: int) -> None:
    assert length in network_lengths()[prefix][0]


@pytest.mark.parametrize("prefix", ["50", "2220", "2721", "2205", "643", "3527", "306", "9791", "0"])
def test_no_networks(prefix: str) -> None:
    assert prefix not in network_lengths()


def test_hostile_digits_end_in_time() -> None:
    within(2, lambda: found("4111 " * 20_000))
    with pytest.raises(OutOfTime):
        list(CARDS.find(VISA, Deadline(0)))


def test_name_and_sources() -> None:
    assert CARDS.name == "pii/CREDIT_CARD"
    assert len(CARDS.sources) == 1
