"""A tunnel address stands for the peer whose key it is."""

from __future__ import annotations

import base64

import pytest

from weir.identity.peers import Peers, key_problem
from weir.model import Principal

ADA = Principal(user="ada", team="finance")
KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()


def test_an_address_of_the_tunnel_stands_for_its_peer() -> None:
    peers = Peers([(KEY, ["10.8.0.2/32", "fd00::2/128"], ADA), (OTHER, ["10.8.1.0/24"], Principal(app="site"))])
    for address in ("10.8.0.2", "fd00::2", "::ffff:10.8.0.2"):
        found = peers.lookup(address)
        assert found and (found.user, found.team, found.method, found.strength) == ("ada", "finance", "peer", 2)
    assert peers.lookup("10.8.0.3") is None and peers.lookup("") is None
    site = peers.lookup("10.8.1.77")
    assert site and site.app == "site"


def test_a_key_stands_for_its_peer_without_any_address() -> None:
    peers = Peers([(KEY, [], ADA)])
    found = peers.of_key(KEY)
    assert found and (found.user, found.method, found.strength) == ("ada", "peer", 2)
    assert peers.of_key(OTHER) is None and peers and not Peers()


@pytest.mark.parametrize("key", ["", "x", KEY[:-1], KEY + "A", "!" * 44, KEY[:-2] + "=="])
def test_a_malformed_key_is_refused_and_not_repeated(key: str) -> None:
    assert key_problem(key)
    with pytest.raises(ValueError, match="44 characters") as caught:
        Peers([(key, ["10.8.0.2/32"], ADA)])
    assert not key or key not in str(caught.value) or key == "x"


def test_two_peers_cannot_share() -> None:
    with pytest.raises(ValueError, match="twice"):
        Peers([(KEY, ["10.8.0.2/32"], ADA), (KEY, ["10.8.0.3/32"], ADA)])
    with pytest.raises(ValueError, match="twice"):
        Peers([(KEY, ["10.8.0.2/32"], ADA), (OTHER, ["10.8.0.2/32"], ADA)])
