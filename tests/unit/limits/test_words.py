"""What a refusal says: whose budget, why, when to come again; never more than the caller's own."""

from __future__ import annotations

from typing import Any

import pytest

from weir.limits.budget import Account, Budget, Refused, Scope, Standing, Unit, Window, plain
from weir.limits.rates import Limited, Rate
from weir.limits.words import because, headers, said, warning, whose

AT = 1_795_000_000 * 1_000_000  # 2026-11-18, 11:06:40 UTC


def standing(name: str = "finance", *, spent: int = 100, scope: Scope = Scope.TEAM, **more: Any) -> Standing:
    budget = Budget("team.x", scope, Unit.TOKENS, 100, **{"per": Window.MONTH, **more})
    return Standing(Account(budget, plain(name), budget.per.starts(AT)), spent)


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        (
            Refused(standing(), 5, "spent"),
            "The monthly budget of team finance is used up. It starts anew on 2026-12-01 00:00 UTC.",
        ),
        (Refused(standing(spent=97), 5, "spent"), "The monthly budget of team finance has not enough left for"),
        (Refused(standing(spent=0), 5, "held"), "What is left of the monthly budget of team finance is held for"),
        (Refused(standing(), 500, "too large"), "This request may use more than the whole monthly budget of team"),
        (Refused(standing(), 0, "unpriced"), "The monthly budget of team finance is in dollars, and nobody has told"),
        (
            Refused(standing("", models=("gpt-5*",), services=("openai",), per=Window.HOUR), 5, "spent"),
            "The hourly budget of callers without a team for gpt-5* at openai is used up.",
        ),
        (
            Limited(Rate("r", Scope.KEY, requests=60), "requests", 7.2),
            "Limit for this key: 60 requests a minute. Try again in 8 s.",
        ),
        (Limited(Rate("r", Scope.ORG, tokens=9), "tokens", 0), "Limit for the organisation: 9 tokens a minute. Try"),
        (
            Limited(Rate("r", Scope.USER, "jane", streams=2), "streams", 1),
            "There are 2 streams open for user jane, and no more at once.",
        ),
    ],
)
def test_a_refusal_says_what_to_do(refused: Refused | Limited, text: str) -> None:
    assert said(refused).startswith(text)


def test_when_to_ask_again() -> None:
    month = headers(Refused(standing(), 5, "spent"), AT)
    assert month == {"retry-after": str((standing().account.resets_at - AT) // 1_000_000), "x-should-retry": "false"}
    assert headers(Refused(standing(), 5, "held"), AT)["retry-after"] == "5"
    assert headers(Limited(Rate("r", Scope.KEY, requests=1), "requests", 0.2), AT) == {"retry-after": "1"}


def test_the_audit_learns_the_limit_and_the_account() -> None:
    assert because(Refused(standing(), 5, "spent")) == "budget: spent, team.x@2026-11-01T00:00/finance"
    assert because(Limited(Rate("r7", Scope.KEY, requests=1), "requests", 1)) == "rate: requests of r7"


def test_a_warning_fits_a_header() -> None:
    text = warning(standing("caf\u00e9\r\nx: y" + "z" * 400, spent=85))
    assert text.isascii() and text.isprintable() and len(text) <= 300
    assert warning(standing(spent=85)) == (
        "monthly budget of team finance: 85 % used, starts anew on 2026-12-01 00:00 UTC"
    )


def test_whose_it_is() -> None:
    assert [whose(Scope.ORG, "x"), whose(Scope.APP, ""), whose(Scope.KEY, ""), whose(Scope.USER, "jane")] == [
        "the organisation", "callers without an app", "callers without a key", "user jane",
    ]  # fmt: skip
