"""Source networks: the longest prefix wins, IPv4-mapped addresses are IPv4."""

from __future__ import annotations

import pytest

from weir.identity.networks import Networks
from weir.model import Principal

NETWORKS = Networks(
    [
        ("0.0.0.0/0", Principal(team="everyone")),
        ("10.0.0.0/8", Principal(team="company")),
        ("10.20.0.0/16", Principal(team="finance", app="ledger")),
        ("10.20.30.40/32", Principal(user="ada")),
        ("::ffff:172.16.0.0/108", Principal(team="mapped")),
        ("2001:db8::/32", Principal(team="v6")),
        ("2001:db8:1::/48", Principal(team="v6-site")),
    ]
)


@pytest.mark.parametrize(
    ("address", "team", "user"),
    [
        ("192.0.2.1", "everyone", ""),
        ("10.1.2.3", "company", ""),
        ("10.20.1.1", "finance", ""),
        ("10.20.30.40", "", "ada"),
        ("10.20.30.41", "finance", ""),
        ("::ffff:10.20.1.1", "finance", ""),
        ("::FFFF:0a14:0101", "finance", ""),
        ("172.31.0.9", "mapped", ""),
        ("172.32.0.9", "everyone", ""),
        ("2001:db8:2::1", "v6", ""),
        ("2001:db8:1::1", "v6-site", ""),
        ("2001:db8:1::1%eth0", "v6-site", ""),
    ],
)
def test_longest_prefix(address: str, team: str, user: str) -> None:
    found = NETWORKS.lookup(address)
    assert found is not None
    assert (found.team, found.user) == (team, user)
    assert (found.method, found.strength) == ("network", 1)


@pytest.mark.parametrize("address", ["2001:db9::1", "", "localhost", "10.0.0", "010.1.1.1", "::1", "\x00", "1" * 500])
def test_nobody(address: str) -> None:
    assert NETWORKS.lookup(address) is None


def test_no_networks_know_nobody() -> None:
    assert Networks().lookup("10.0.0.1") is None


@pytest.mark.parametrize(
    ("cidr", "message"),
    [
        ("10.20.0.1/16", "write 10.20.0.0/16"),
        ("finance", "write it like"),
        ("10.0.0.0/33", "write it like"),
        ("", "write it like"),
    ],
)
def test_mistakes_say_what_to_write(cidr: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Networks([(cidr, Principal())])


@pytest.mark.parametrize("again", ["10.0.0.0/8", "::ffff:10.0.0.0/104"])
def test_the_same_network_twice_is_a_mistake(again: str) -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/8 stands in the list twice"):
        Networks([("10.0.0.0/8", Principal(team="a")), (again, Principal(team="b"))])
