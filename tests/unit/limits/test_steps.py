"""What comes out of asking for room."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weir.limits.budget import Claim
from weir.limits.steps import Admitted, Count, Shrink
from weir.model import Principal

CLAIM = Claim("c", Principal(), "openai", "big", 10, None)


@pytest.mark.parametrize("asked", [None, replace(CLAIM, model="huge")])
def test_places_are_taken_by_every_claim_that_was_asked_for(asked: Claim | None) -> None:
    assert Admitted(CLAIM, asked=asked).claims == ((CLAIM,) if asked is None else (CLAIM, asked))


def test_what_is_to_be_counted_is_named() -> None:
    assert Count(CLAIM).claim is CLAIM and Shrink(("a",)).accounts == ("a",)
