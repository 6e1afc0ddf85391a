"""The rules: their text, what they refuse, and that nft takes them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product

import pytest

from harness.netspaces import Space, link, needed
from weir.redirect import Plan, forwarding_off, quiet_ports, removal, rules, strangers

BOTH = """\
add table inet weir
delete table inet weir
table inet weir {
	chain arriving {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type { local, broadcast, multicast } return
		ip daddr { 10.0.0.0/8, 192.0.2.7/32 } return
		ip6 daddr { fd00::/8 } return
		tcp dport { 80, 443 } redirect to :numgen inc mod 2 map { 0 : 8081, 1 : 8082 }
	}

	chain passing {
		type filter hook forward priority filter; policy accept;
		ip daddr { 10.0.0.0/8, 192.0.2.7/32 } return
		ip6 daddr { fd00::/8 } return
		udp dport 443 reject
		ct state invalid tcp dport { 80, 443 } drop
		tcp dport { 80, 443 } reject with tcp reset
	}

	chain leaving {
		type nat hook output priority -100; policy accept;
		meta skuid 990 return
		fib daddr type { local, broadcast, multicast } return
		ip daddr { 10.0.0.0/8, 192.0.2.7/32 } return
		ip6 daddr { fd00::/8 } return
		tcp dport { 80, 443 } redirect to :numgen inc mod 2 map { 0 : 8081, 1 : 8082 }
	}

	chain left {
		type filter hook output priority filter; policy accept;
		meta skuid 990 return
		fib daddr type { local, broadcast, multicast } return
		ip daddr { 10.0.0.0/8, 192.0.2.7/32 } return
		ip6 daddr { fd00::/8 } return
		udp dport 443 reject
		tcp flags psh tcp dport { 80, 443 } reject with tcp reset
	}

	chain shown {
		type filter hook output priority filter; policy accept;
		icmp type redirect drop
		icmpv6 type nd-redirect drop
	}

	chain reached {
		type filter hook input priority filter; policy accept;
		tcp dport != { 8081, 8082 } accept
		ct status dnat accept
		reject with tcp reset
	}
}
"""
SPARED = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "fd00::/8")))


def chains(plan: Plan) -> list[str]:
    return [line.split()[1] for line in rules(plan).splitlines() if line.startswith("\tchain")]


def test_the_whole_text() -> None:
    assert rules(Plan((8081, 8082), True, 990, SPARED)) == BOTH


def test_each_form_has_its_own_chains() -> None:
    assert chains(Plan((8081,))) == ["arriving", "passing", "shown", "reached"]
    assert chains(Plan((8081,), False, 0)) == ["leaving", "left", "reached"]
    assert "redirect to :8081\n" in rules(Plan((8081,)))


@pytest.mark.parametrize(
    ("ports", "gateway", "owner", "why"),
    [
        ((), True, None, "ports"),
        ((0,), True, None, "ports"),
        ((65536,), True, None, "ports"),
        ((8081, 8081), True, None, "ports"),
        ((443,), True, None, "listen on 80 or 443"),
        ((8081,), False, None, "nothing is to be led"),
    ],
)
def test_what_can_not_be(ports: tuple[int, ...], gateway: bool, owner: int | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Plan(ports, gateway, owner)


def test_whoever_listens_as_somebody_else_would_be_led_to_himself() -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    line = "   0: 00000000:1F91 00000000:0000 {} 00000000:00000000 00:00000000 00000000  {}  0 4711\n"
    assert strangers((head + line.format("0A", 990), ""), (8081,), 990) == []
    assert strangers((head + line.format("0A", 0), head), (8081, 8082), 990) == [(8081, 0)]
    assert strangers((head + line.format("0A", 0),), (8082,), 990) == []
    assert strangers((head + line.format("01", 0),), (8081,), 990) == []  # a connection, not who listens


def test_ports_on_which_nobody_listens() -> None:
    head = "  sl  local_address rem_address   st\n"
    four = head + "   0: 00000000:1F91 00000000:0000 0A 0\n   1: 0100007F:1F92 0100007F:9999 01 0\n"
    six = head + f"   0: {'0' * 32}:1F93 {'0' * 32}:0000 0A 0\n"
    assert quiet_ports((four, six, ""), (8081, 8082, 8083), near=False) == [8082]
    for place in ("0100007F", "3500007F", "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F"):
        only_here = head + f"   0: {place}:1F91 00000000:0000 0A 0\n"
        assert quiet_ports((only_here,), (8081,), near=True) == []
        assert quiet_ports((only_here,), (8081,), near=False) == [8081]


@pytest.mark.parametrize(
    ("four", "six", "kinds"), [("1\n", "1\n", ""), ("0\n", "1\n", "4"), ("0", "0", "46"), ("1", "", "")]
)
def test_what_is_not_forwarded_is_told(four: str, six: str, kinds: str) -> None:
    said = forwarding_off({"net.ipv4.ip_forward": four, "net.ipv6.conf.all.forwarding": six})
    assert [line.partition(" ")[0] for line in said] == [f"IPv{kind}" for kind in kinds]


@pytest.mark.needs("nft")
@pytest.mark.needs("ip")
@needed
def test_nft_takes_every_form_again_and_again_and_leaves_others_alone() -> None:
    with Space("rules") as space:

        def nft(text: str, *options: str) -> str:
            done = space.run("nft", *options, "-f", "-", given=text)
            assert done.returncode == 0, done.stderr
            return done.stdout

        def tables() -> list[str]:
            return space.run("nft", "list", "tables").stdout.splitlines()

        nft("add table inet others\nadd table ip weir\n")
        before = tables()
        for ports, gateway, owner, spared in product(((8081,), (1, 2, 3)), (True, False), (None, 990), ((), SPARED)):
            if gateway or owner is not None:
                nft(rules(Plan(ports, gateway, owner, spared)), "-c")
                assert tables() == before  # -c checks only
        for _ in range(2):
            nft(rules(Plan((8081, 8082), True, 990, SPARED)))
            assert sorted(tables()) == sorted([*before, "table inet weir"])
            assert space.run("nft", "list", "table", "inet", "weir").stdout.count("redirect to") == 2
        for _ in range(2):
            nft(removal())
            assert tables() == before


@pytest.fixture
def one_lan() -> Iterator[tuple[Space, Space, Space]]:
    """A client and its gateway in one LAN with the router that the gateway itself goes through."""
    with ExitStack() as ends:
        client, gateway, router = (ends.enter_context(Space(name)) for name in ("lan-c", "lan-g", "lan-r"))
        gateway.ip("link", "add", "name", "lan0", "type", "bridge")
        gateway.ip("address", "add", "10.78.0.1/24", "dev", "lan0")
        gateway.ip("link", "set", "lan0", "up")
        for space, end, ours in ((client, "c0", "10.78.0.2/24"), (router, "r0", "10.78.0.3/24")):
            link(space, end, gateway, f"{end}-lan", {end: (ours,), f"{end}-lan": ()})
            gateway.ip("link", "set", f"{end}-lan", "master", "lan0")
        router.ip("address", "add", "203.0.113.5/32", "dev", "lo")
        gateway.set(ipv4__ip_forward=1)
        client.ip("route", "add", "default", "via", "10.78.0.1")
        gateway.ip("route", "add", "default", "via", "10.78.0.3")
        yield client, gateway, router


@pytest.mark.needs("nft")
@pytest.mark.needs("ip")
@needed
@pytest.mark.parametrize("ruled", [False, True])
def test_clients_are_not_shown_the_way_past_the_gateway(one_lan: tuple[Space, Space, Space], ruled: bool) -> None:
    """Any datagram would do: the kernel tells its sender of the router, and web traffic goes there from then on."""
    client, gateway, _ = one_lan
    if ruled:
        assert gateway.run("nft", "-f", "-", given=rules(Plan((8081,)))).returncode == 0

    def poke() -> None:
        for address in ("10.78.0.3", "203.0.113.5"):  # a way is taken only by a router that is known already
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
                line.settimeout(5)
                line.connect((address, 53))
                line.send(b"x")
                with pytest.raises(ConnectionRefusedError):  # what the gateway says came before this answer
                    line.recv(10)

    client.within(poke)
    assert ("redirected" in client.run("ip", "route", "get", "203.0.113.5").stdout) is not ruled


@pytest.mark.needs("nft")
@pytest.mark.needs("ip")
@needed
@pytest.mark.parametrize("on", ["client", "gateway"])
def test_what_stood_before_the_rules_did_goes_no_further(on: str, one_lan: tuple[Space, Space, Space]) -> None:
    """Where a firewall has the kernel know of connections, it leads each of them as it did when that one was opened."""
    client, gateway, router = one_lan
    known = "table inet others { chain known { type filter hook output priority 10; ct state established accept; };"
    known += " chain passed { type filter hook forward priority 10; ct state established accept; }; }"
    assert gateway.run("nft", "-f", "-", given=known).returncode == 0
    where = client if on == "client" else gateway
    with router.listen("203.0.113.5", 443) as listener:
        near = where.within(lambda: socket.create_connection(("203.0.113.5", 443), 5))
        far, _ = listener.accept()
        with near, far:
            near.settimeout(5)
            far.settimeout(1)
            near.sendall(b"before")
            assert far.recv(10) == b"before"
            assert gateway.run("nft", "-f", "-", given=rules(Plan((8081,), True, 65534))).returncode == 0
            near.sendall(b"after")
            with pytest.raises(TimeoutError):
                far.recv(10)
            with pytest.raises(ConnectionResetError):
                near.recv(10)


def test_a_zone_brings_no_rules_of_its_own() -> None:
    with pytest.raises(ValueError, match="no zone"):
        Plan((8081,), spared=(ipaddress.ip_network("fe80::%} return; accept; ip6 daddr {/64"),))
