from __future__ import annotations

import random

import pytest

from weir.dlp.core.overlaps import Hit, resolve, strength

KEY, GENERIC, MAIL, PHONE = "secret/key", "secret/generic", "pii/EMAIL_ADDRESS", "pii/PHONE_NUMBER"
OWN, IBAN, MARK = "exact/customers", "pii/IBAN_CODE", "marking/internal"


@pytest.mark.parametrize(
    ("hits", "kept"),
    [
        ([], []),
        ([(0, 5, 0.9, "high", KEY)], [(0, 5, KEY)]),
        ([(0, 5, 0.9, "high", KEY), (5, 9, 0.9, "high", MAIL)], [(0, 5, KEY), (5, 9, MAIL)]),
        # the same place: a secret wins over personal data, then severity, then score
        ([(0, 5, 1.0, "high", MAIL), (0, 5, 0.5, "low", KEY)], [(0, 5, KEY)]),
        ([(0, 5, 0.7, "high", GENERIC), (0, 5, 0.7, "critical", KEY)], [(0, 5, KEY)]),
        ([(0, 5, 0.6, "medium", MAIL), (0, 5, 0.9, "medium", PHONE)], [(0, 5, PHONE)]),
        # inside a stronger one
        ([(0, 9, 0.9, "high", KEY), (2, 6, 1.0, "medium", PHONE)], [(0, 9, KEY)]),
        # a strong one inside a weak one: both stay
        ([(0, 9, 0.6, "medium", MAIL), (2, 6, 0.9, "high", KEY)], [(0, 9, MAIL), (2, 6, KEY)]),
        # a rule on one category sees it whatever another says of the same text
        ([(0, 9, 1.0, "high", OWN), (0, 9, 1.0, "medium", IBAN)], [(0, 9, OWN), (0, 9, IBAN)]),
        ([(0, 9, 1.0, "high", OWN), (2, 6, 0.5, "low", PHONE)], [(0, 9, OWN), (2, 6, PHONE)]),
        ([(0, 9, 0.9, "critical", MARK), (0, 9, 0.9, "low", OWN)], [(0, 9, MARK), (0, 9, OWN)]),
        # but a secret speaks for all that lies in it, and stays in what is longer
        ([(0, 9, 0.6, "medium", GENERIC), (0, 9, 1.0, "critical", OWN)], [(0, 9, GENERIC)]),
        ([(0, 9, 1.0, "critical", OWN), (2, 6, 0.6, "medium", KEY)], [(0, 9, OWN), (2, 6, KEY)]),
        # in part: both stay
        ([(0, 6, 0.9, "high", KEY), (4, 9, 1.0, "medium", MAIL)], [(0, 6, KEY), (4, 9, MAIL)]),
        # one detector twice: joined
        ([(0, 6, 0.9, "high", KEY), (4, 9, 1.0, "high", KEY)], [(0, 9, KEY)]),
        ([(0, 9, 0.9, "high", KEY), (0, 9, 0.9, "high", KEY)], [(0, 9, KEY)]),
    ],
)
def test_resolve(hits: list[Hit], kept: list[tuple[int, int, str]]) -> None:
    assert [(hit[0], hit[1], hit[4]) for hit in resolve(hits)] == kept


def test_order_does_not_matter_and_nothing_is_uncovered() -> None:
    dice = random.Random(7)
    names = (KEY, GENERIC, MAIL, PHONE)
    for _ in range(300):
        hits: list[Hit] = []
        for _ in range(dice.randint(0, 9)):
            start = dice.randint(0, 20)
            hit = (start, start + dice.randint(1, 8), dice.choice([0.5, 0.9]), "high", dice.choice(names))
            hits.append(hit)
        resolved = resolve(hits)
        for _ in range(3):
            dice.shuffle(hits)
            assert resolve(hits) == resolved
        assert {at for h in hits for at in range(h[0], h[1])} == {at for h in resolved for at in range(h[0], h[1])}
        assert resolved == sorted(resolved, key=lambda h: (h[0], -h[1], strength(*h)))


def test_many_hits_stay_fast() -> None:
    hits: list[Hit] = [(n * 3, n * 3 + 5, 0.9, "high", f"pii/X{n % 40}") for n in range(4000)]
    assert len(resolve(hits)) == 4000
