"""How risky the use of a service is, 0 (harmless) to 100, and why, in words for people.

The points stand in tables, so that whoever reads a score can add it up again (README.md has them in words). What isn't
known adds a little and is said to be unknown: it is never counted as good, and never as bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from weir.model import Status
from weir.shadow.risks import RETAINS_DAYS, UNLIMITED, Fact

__all__ = ["CATEGORY_POINTS", "STATUS_POINTS", "Rating", "rate"]

# What people put in: whole conversations, code and documents, or rather pictures and slogans.
_MUCH, _SOME, _LITTLE = 25, 18, 10
CATEGORY_POINTS: Mapping[str, int] = {
    **dict.fromkeys(
        ("assistant", "coding", "meetings", "writing", "documents", "translation", "legal", "hr", "finance", "health",
         "agents"), _MUCH
    ),
    **dict.fromkeys(("image", "video", "audio", "design", "education", "marketing", "vision", "model-hub"), _LITTLE),
}  # fmt: skip

STATUS_POINTS: Mapping[Status, int] = {
    Status.UNSANCTIONED: 30,
    Status.UNKNOWN: 20,
    Status.TOLERATED: 8,
    Status.SANCTIONED: -15,
}
_STATUS_WORDS: Mapping[Status, str] = {
    Status.UNSANCTIONED: "the policy forbids it",
    Status.UNKNOWN: "the policy says nothing about it",
    Status.TOLERATED: "the policy tolerates it",
    Status.SANCTIONED: "the policy approves it",
}

_SIGNUP: Mapping[str | None, tuple[int, str]] = {
    "anonymous": (10, "anybody can use it without an account"),
    "self": (6, "anybody can sign up for it with a personal account"),
    "company": (0, ""),
    "suite": (0, ""),
    None: (2, "unknown: how people sign up"),
}

# attribute → (points when it is bad, words for that, points when it is unknown, what is unknown then)
_FACTS: Mapping[str, tuple[int, str, int, str]] = {
    "trains": (15, "it trains on what is sent to it", 5, "training on what is sent"),
    "retention_days": (8, "it keeps what is sent to it for {kept}", 3, "how long it keeps what is sent"),
    "soc2": (7, "it has no SOC 2 report", 3, "SOC 2"),
    "sso": (5, "it has no single sign-on", 2, "single sign-on"),
}

_COUNTRY_FORBIDDEN = 15
_COUNTRY_UNKNOWN = 3
_DISCOVERED = 8
_PERSONAL = 12
_FINDINGS = 12


@dataclass(frozen=True, slots=True)
class Rating:
    """``score`` is 0 to 100. ``parts`` are what it was added up from, the heaviest first; 100 and 0 are bounds."""

    score: int
    parts: tuple[tuple[int, str], ...]  # points, words

    @property
    def reasons(self) -> tuple[str, ...]:
        """The words alone, what speaks against the service first."""
        return tuple(words for _, words in self.parts)


def rate(
    *,
    category: str,
    status: Status,
    because: str = "",
    country: str = "",
    country_forbidden: bool = False,
    signup: str | None = None,
    facts: Mapping[str, Fact] | None = None,
    personal: bool = False,
    findings: bool = False,
) -> Rating:
    """The rating of a service's use.

    ``because`` is the reference of the policy that made the status (``vendor:x``), "" when none did. ``facts`` are by
    attribute. ``personal``: people were seen using accounts or keys of their own; ``findings``: sensitive data was
    found in what was sent. A category that is in no table counts as one where some of a company's data goes.
    """
    parts = [
        (CATEGORY_POINTS.get(category, _SOME), _category(category)),
        (STATUS_POINTS[status], _STATUS_WORDS[status] + (f" ({because})" if because else "")),
        _SIGNUP.get(signup, _SIGNUP[None]) if category != "discovered" else (_DISCOVERED, "no catalogue lists it"),
    ]
    if country_forbidden:
        parts.append((_COUNTRY_FORBIDDEN, f"its vendor sits in a country that the policy forbids ({country})"))
    elif not country:
        parts.append((_COUNTRY_UNKNOWN, "unknown: the vendor's country"))
    if personal:
        parts.append((_PERSONAL, "personal accounts or keys are in use"))
    if findings:
        parts.append((_FINDINGS, "sensitive data was found in what was sent"))
    parts += _of_facts(facts or {})
    parts = sorted((part for part in parts if part[0]), key=lambda part: (-part[0], part[1]))
    return Rating(max(0, min(100, sum(points for points, _ in parts))), tuple(parts))


def _category(category: str) -> str:
    points = CATEGORY_POINTS.get(category, _SOME)
    much = {_MUCH: "much", _SOME: "some", _LITTLE: "little"}[points]
    kind = "what looks like AI" if category == "discovered" else f"services of the kind {category}"
    return f"{much} of a company's data goes into {kind}"


def _of_facts(facts: Mapping[str, Fact]) -> Iterator[tuple[int, str]]:
    unknown, missing = 0, []
    for attribute, (bad, words, blank, name) in _FACTS.items():
        fact = facts.get(attribute)
        if fact is None:
            unknown += blank
            missing.append(name)
        elif attribute == "trains":
            yield (bad if fact.value else 0), words
        elif attribute == "retention_days":
            days = int(fact.value) if isinstance(fact.value, int) else 0
            kept = "ever" if days >= UNLIMITED else f"{days} days"
            yield (bad if days > RETAINS_DAYS else 0), words.format(kept=kept)
        else:
            yield (0 if fact.value else bad), words
    if missing:
        what = "how it handles data" if len(missing) == len(_FACTS) else ", ".join(missing)
        yield unknown, f"unknown: {what}"
