from __future__ import annotations

import pytest

from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.personal.ibans import IbanDetector, country_lengths, is_iban

# The registry's own example.
PLAIN = "DE89" + "370400440532013000"
SPACED = " ".join(PLAIN[at : at + 4] for at in range(0, 22, 4))


def detector(answer: bool | None = None) -> IbanDetector:
    return IbanDetector(severity="high", threshold=0.5, validate=lambda _plain: answer)


def found(text: str, answer: bool | None = None) -> list[str]:
    return [text[start:end] for start, end, _ in detector(answer).find(text, Deadline(60))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PLAIN, [PLAIN]),
        (f"to {SPACED} please", [SPACED]),
        (SPACED.lower(), [SPACED.lower()]),
        (PLAIN.lower(), [PLAIN.lower()]),
        (SPACED.replace(" ", "-"), [SPACED.replace(" ", "-")]),
        (SPACED.replace(" ", "."), [SPACED.replace(" ", ".")]),
        (f"iban{PLAIN}", [PLAIN]),
        (f"iban{PLAIN.lower()}", []),
        (f"X{PLAIN}", []),
        (f"{PLAIN}7", []),
        (f"be 12 {SPACED}", [SPACED]),
        (f"{SPACED} 2 days", [SPACED]),
        (f"{SPACED} {SPACED}", [SPACED, SPACED]),
        (SPACED.replace("89", "88"), []),
        (SPACED.replace(" ", "  "), []),
        (PLAIN[:-1], []),
        ("XX89 3704 0044 0532 0130 00", []),
    ],
)
def test_ibans(text: str, expected: list[str]) -> None:
    assert found(text) == expected


def test_a_countrys_own_format_may_object() -> None:
    assert found(PLAIN, False) == []
    assert found(PLAIN, True) == [PLAIN]


def test_check_digits() -> None:
    assert is_iban(PLAIN)
    assert not is_iban(PLAIN.lower())
    assert not is_iban(PLAIN.replace("8", "٨"))
    assert country_lengths()["NO"] == 15


def test_out_of_time() -> None:
    with pytest.raises(OutOfTime):
        list(detector().find(PLAIN, Deadline(0)))


def test_name_and_sources() -> None:
    assert detector().name == "pii/IBAN_CODE"
    assert len(detector().sources) == 1
