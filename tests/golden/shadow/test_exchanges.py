"""What is AI traffic on hosts that nobody lists, and what only looks like it."""

import pytest

from golden.shadow.ai_exchanges import AI, KINDS
from golden.shadow.exchanges import Exchanged
from golden.shadow.ordinary_exchanges import ORDINARY
from weir.shadow import signs


@pytest.mark.parametrize("one", ORDINARY, ids=[one.name for one in ORDINARY])
def test_ordinary_exchanges_are_never_ai(one: Exchanged) -> None:
    sighting = one.score()
    assert not sighting.is_ai, sighting
    assert sighting.kind == ""


@pytest.mark.parametrize(("kind", "one"), AI, ids=[one.name for _, one in AI])
def test_ai_exchanges_are_and_for_what(kind: str, one: Exchanged) -> None:
    sighting = one.score()
    assert sighting.is_ai, sighting
    assert len(sighting.groups) >= 2
    assert sighting.kind == kind, sighting


def test_most_are_known_by_their_request_so_that_policy_can_act_on_it() -> None:
    early = [one for _, one in AI if one.score(with_reply=False).is_ai]
    assert len(early) >= len(AI) * 0.7


def test_the_corpora_are_large_and_say_everything_once() -> None:
    names = [one.name for one in ORDINARY], [one.name for _, one in AI]
    assert all(len(set(known)) == len(known) >= 60 for known in names)
    assert {kind for kind, _ in AI} | {"video"} == set(signs.KINDS)
    assert set(KINDS) <= set(signs.KINDS)
