"""Source × mode × outcome: who can speak where, and what comes of what was said."""

from __future__ import annotations

import itertools

import pytest

from weir.identity.sources import NOBODY, PROXY_MODES, SPEAKS, Answer, conflict, settle, speaking
from weir.model import ANONYMOUS, Principal
from weir.sections_identity import SOURCES

STRENGTHS = {
    "virtual_key": 3, "certificate": 3, "jwt": 3, "basic": 2, "peer": 2, "process": 2, "network": 1
}  # fmt: skip
WHO = {source: Principal(user=f"by-{source}", method=source, strength=STRENGTHS[source]) for source in SOURCES}
WRONG = Answer(None, "is wrong")

ABLE = {
    #                virtual_key certificate jwt    basic  peer   process network   (from afar, no tunnel)
    "regular":     (True,        True,       True,  True,  False, False,  True),
    "upstream":    (True,        True,       True,  True,  False, False,  True),
    "socks5":      (True,        True,       False, True,  False, False,  True),
    "transparent": (True,        True,       False, False, False, False,  True),
    "reverse":     (True,        True,       False, False, False, False,  True),
    "local":       (True,        True,       False, False, False, False,  True),
    "wireguard":   (True,        True,       False, False, True,  False,  False),
    "dns":         (True,        False,      False, False, False, False,  False),
}  # fmt: skip


@pytest.mark.parametrize("mode", ABLE)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("said", ["right", "wrong", "nothing"])
def test_source_by_mode_by_outcome(mode: str, source: str, said: str) -> None:
    able = ABLE[mode][SOURCES.index(source)]
    order = speaking(SOURCES, mode)
    assert (source in order) is able
    answer = {"right": Answer(WHO[source]), "wrong": WRONG, "nothing": NOBODY}[said]
    outcome = settle(order, {source: answer})
    if not able or said == "nothing":
        assert outcome.principal == ANONYMOUS and not outcome.refused
    elif said == "right":
        assert outcome.principal is WHO[source] and outcome.source == source and outcome.asked == f"{source}=yes"
    else:
        assert outcome.principal == ANONYMOUS and outcome.refused == f"{source}: is wrong"
        assert outcome.asked == f"{source}=wrong"


def test_every_mode_is_in_the_table() -> None:
    assert set(ABLE) - {"dns"} == set(SPEAKS) and set(SPEAKS) >= PROXY_MODES


@pytest.mark.parametrize("mode", SPEAKS)
def test_peers_need_the_tunnel_and_processes_this_machine(mode: str) -> None:
    assert ("process" in speaking(SOURCES, mode, local=True)) is (mode != "wireguard")  # there addresses are the peer's
    assert "peer" in speaking(SOURCES, mode, through_tunnel=True)


@pytest.mark.parametrize(("first", "second"), itertools.permutations(SOURCES, 2))
def test_the_first_in_policys_order_wins_whole(first: str, second: str) -> None:
    outcome = settle((first, second), {second: Answer(WHO[second]), first: Answer(WHO[first])})
    assert outcome.principal is WHO[first]
    assert settle((first, second), {first: NOBODY, second: Answer(WHO[second])}).principal is WHO[second]
    for answers in ({first: WRONG, second: Answer(WHO[second])}, {first: Answer(WHO[first]), second: WRONG}):
        assert settle((first, second), answers).refused, "what is wrong is not made good by another"


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_policy_leaves_out_is_not_believed(source: str) -> None:
    order = tuple(one for one in SOURCES if one != source)
    assert settle(order, {source: Answer(WHO[source])}).principal == ANONYMOUS
    assert not settle(order, {source: WRONG}).refused
    assert source not in speaking(order, "regular", through_tunnel=True, local=True)


ADA = Principal(user="ada", team="finance", method="basic", strength=2)


@pytest.mark.parametrize(
    ("tunnel", "inner", "said"),
    [
        (ADA, ADA, ""),
        (ADA, Principal(user="bob", team="finance", method="jwt", strength=3), "user"),
        (ADA, Principal(user="ada", team="research", method="virtual_key", strength=3), "team"),
        (ADA, Principal(app="report-bot", team="finance", method="virtual_key", strength=3), ""),
        (ADA, Principal(app="report-bot", team="hr", method="virtual_key", strength=3), "team"),
        (Principal(app="a", method="certificate", strength=3), Principal(app="b", method="jwt", strength=3), "app"),
        (Principal(team="office", method="network", strength=1), ADA, ""),
        (ADA, Principal(team="office", method="network", strength=1), ""),
        (ANONYMOUS, ADA, ""),
    ],
)
def test_a_tunnel_and_its_requests_must_agree(tunnel: Principal, inner: Principal, said: str) -> None:
    assert conflict(tunnel, inner) == said
    assert conflict(inner, tunnel) == said
