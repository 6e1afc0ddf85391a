"""The score of a service's use: the tables, their bounds, and words for every point."""

from datetime import date

import pytest

from weir.model import Status
from weir.shadow.catalogue import Catalogue
from weir.shadow.rating import CATEGORY_POINTS, STATUS_POINTS, rate
from weir.shadow.risks import UNLIMITED, Fact

WHERE = ("https://a.example/x", date(2026, 7, 11))


def facts(**values: bool | int) -> dict[str, Fact]:
    return {name: Fact(name, value, *WHERE) for name, value in values.items()}


GOOD = facts(trains=False, retention_days=30, soc2=True, sso=True)
BAD = facts(trains=True, retention_days=UNLIMITED, soc2=False, sso=False)


@pytest.mark.parametrize(
    ("score", "asked"),
    [
        (10, {"category": "assistant", "status": Status.SANCTIONED, "facts": GOOD, "signup": "company"}),
        (55, {"category": "assistant", "status": Status.UNSANCTIONED, "facts": GOOD, "signup": "company"}),
        (90, {"category": "assistant", "status": Status.UNSANCTIONED, "facts": BAD, "signup": "company"}),
        (100, {"category": "assistant", "status": Status.UNSANCTIONED, "facts": BAD, "signup": "anonymous",
               "country_forbidden": True}),
        (0, {"category": "image", "status": Status.SANCTIONED, "facts": GOOD, "signup": "suite"}),
        (45, {"category": "tea-leaves", "status": Status.TOLERATED, "facts": None, "signup": "self"}),
    ],
)  # fmt: skip
def test_score(score: int, asked: dict) -> None:
    assert rate(**{"country": "DE", **asked}).score == score


def test_every_point_has_a_word_and_they_add_up() -> None:
    for category in (*CATEGORY_POINTS, "gateway", "discovered"):
        for status in Status:
            for known in (None, GOOD, BAD, facts(soc2=True), facts(trains=True)):
                for signup in (None, "anonymous", "self", "company", "suite"):
                    rating = rate(category=category, status=status, facts=known, signup=signup)
                    assert rating.score == max(0, min(100, sum(points for points, _ in rating.parts)))
                    assert len(rating.reasons) == len(set(rating.reasons)) == len(rating.parts)
                    assert all(words and points for points, words in rating.parts)
                    assert list(rating.parts) == sorted(rating.parts, key=lambda part: (-part[0], part[1]))


def test_what_is_unknown_adds_less_than_what_is_bad_and_is_said() -> None:
    said = {"category": "coding", "status": Status.UNKNOWN, "country": "DE", "signup": "company"}
    good, unknown, bad = (rate(**said, facts=known) for known in (GOOD, None, BAD))
    assert good.score < unknown.score < bad.score
    assert "unknown: how it handles data" in unknown.reasons
    assert not [words for words in good.reasons + bad.reasons if words.startswith("unknown")]
    part = rate(**said, facts=facts(trains=False, soc2=True))
    assert "unknown: how long it keeps what is sent, single sign-on" in part.reasons


def test_the_words() -> None:
    rating = rate(
        category="assistant", status=Status.UNSANCTIONED, because="vendor:acme", country="CN", country_forbidden=True,
        signup="anonymous", facts=facts(trains=True, retention_days=90, soc2=False, sso=False), personal=True,
        findings=True,
    )  # fmt: skip
    assert rating.score == 100
    assert rating.reasons == (
        "the policy forbids it (vendor:acme)",
        "much of a company's data goes into services of the kind assistant",
        "it trains on what is sent to it",
        "its vendor sits in a country that the policy forbids (CN)",
        "personal accounts or keys are in use",
        "sensitive data was found in what was sent",
        "anybody can use it without an account",
        "it keeps what is sent to it for 90 days",
        "it has no SOC 2 report",
        "it has no single sign-on",
    )
    assert "for ever" in str(rate(category="x", status=Status.UNKNOWN, facts=facts(retention_days=UNLIMITED)).reasons)


def test_each_worse_status_scores_more() -> None:
    ladder = (Status.SANCTIONED, Status.TOLERATED, Status.UNKNOWN, Status.UNSANCTIONED)
    points = [STATUS_POINTS[status] for status in ladder]
    assert points == sorted(points) and set(ladder) == set(STATUS_POINTS)


def test_the_table_names_categories_that_there_are() -> None:
    assert set(CATEGORY_POINTS) <= {service.category for service in Catalogue.load().services.values()}
