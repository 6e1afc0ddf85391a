"""Settles hits that cover the same text: one finding for one secret, and nothing left uncovered.

Policy has rules for categories: a customer number that is also an IBAN is both, or a rule on one would see nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from weir.dlp.rulebook.secret_rule import SEVERITIES

__all__ = ["Hit", "resolve", "strength"]

# Start, end, score, severity, detector name.
Hit = tuple[int, int, float, str, str]


def resolve(hits: Iterable[Hit]) -> list[Hit]:
    """Hits in text order, without those that lie wholly inside a stronger one of their category, or inside a secret.

    Stronger is: a secret over all else, then severity, score, length, and the name to break ties. Hits that overlap
    only in part all stay, because each covers text that the other does not; so does a strong hit inside a longer weak
    one, with the weak one. Hits of one detector that overlap become one.
    """
    joined: list[Hit] = []
    last_of: dict[str, int] = {}
    for start, end, score, severity, name in sorted(hits, key=lambda hit: (hit[0], -hit[1], hit[4], -hit[2])):
        at = last_of.get(name)
        if at is not None and joined[at][1] > start:
            before = joined[at]
            joined[at] = (before[0], max(before[1], end), max(before[2], score), severity, name)
        else:
            last_of[name] = len(joined)
            joined.append((start, end, score, severity, name))
    kept: list[Hit] = []
    # Only the kept hit that reaches furthest can contain one that starts later; a few are open at any place.
    open_hits: list[Hit] = []
    for hit in sorted(joined, key=lambda hit: (hit[0], -hit[1], strength(*hit))):
        open_hits = [other for other in open_hits if other[1] > hit[0]]
        if any(_swallows(other, hit) for other in open_hits):
            continue
        kept.append(hit)
        open_hits.append(hit)
    return kept


def _swallows(other: Hit, hit: Hit) -> bool:
    """Whether ``hit``, which does not begin before ``other``, says nothing that ``other`` does not say."""
    category = other[4].partition("/")[0]
    return (
        other[1] >= hit[1] and category in ("secret", hit[4].partition("/")[0]) and strength(*other) <= strength(*hit)
    )


def strength(start: int, end: int, score: float, severity: str, name: str) -> tuple[bool, int, float, int, str]:
    """A sort key by which the stronger hit comes first."""
    return (not name.startswith("secret/"), -SEVERITIES.index(severity), -score, start - end, name)
