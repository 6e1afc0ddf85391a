from __future__ import annotations

import pytest

from weir.audit.content.choose import ContentPolicy, ContentRule, Keep, choose

POLICY = ContentPolicy(
    "findings",
    30,
    (
        ContentRule("off", teams=("works-council",)),
        ContentRule("full", 7, services=("openai", "azure-*"), teams=("support*",)),
        ContentRule("full", rules=("no-credentials-leave",)),
        ContentRule("off", services=("anthropic",)),
    ),
)


@pytest.mark.parametrize(
    ("service", "team", "matched", "findings", "expected"),
    [
        ("openai", "sales", (), False, Keep(False, word="findings")),
        ("openai", "sales", (), True, Keep(True, 30, "findings")),
        ("openai", "support-eu", (), False, Keep(True, 7, "full")),
        ("azure-openai", "support", (), False, Keep(True, 7, "full")),
        ("groq", "support", (), False, Keep(False, word="findings")),
        ("openai", "works-council", ("no-credentials-leave",), True, Keep(False, word="off")),
        ("anthropic", "sales", ("no-credentials-leave",), False, Keep(True, 30, "full")),
        ("anthropic", "sales", ("other",), True, Keep(False, word="off")),
        ("", "", (), True, Keep(True, 30, "findings")),
    ],
)
def test_the_first_exception_that_fits_decides(
    service: str, team: str, matched: tuple[str, ...], findings: bool, expected: Keep
) -> None:
    assert choose(POLICY, service=service, team=team, matched=matched, findings=findings) == expected


def test_nothing_is_kept_unless_somebody_says_so() -> None:
    assert not choose(ContentPolicy(), service="openai", team="a", matched=("x",), findings=True).keep
    assert not ContentPolicy().keeps_any
    assert POLICY.keeps_any
    assert ContentPolicy("off", exceptions=(ContentRule("full", teams=("a",)),)).keeps_any


@pytest.mark.parametrize(
    "make",
    [
        lambda: ContentPolicy("all"),
        lambda: ContentPolicy("full", -1),
        lambda: ContentPolicy("full", 10**6),
        lambda: ContentRule("full"),
        lambda: ContentRule("on", teams=("a",)),
        lambda: ContentRule("full", 99_999, teams=("a",)),
    ],
)
def test_what_makes_no_sense_is_refused(make: object) -> None:
    with pytest.raises(ValueError):
        make()  # type: ignore[operator]


def test_the_last_day_counts_from_the_day_of_the_exchange() -> None:
    day = 86_400_000_000
    assert Keep(True, 30).expires_day(day * 100 + day - 1) == 130
    assert Keep(True, 0).expires_day(day * 100) == 100
