"""The nftables rules that lead a network's, or a machine's own, web traffic to weir in transparent mode. Pure.

Everything stands in one table, so that one transaction of ``nft -f`` puts all of it in place, replaces it or takes it
away, and nothing of anybody else's is touched. No kernel setting has to be changed for it:

- connections that are led here end here, so they need no forwarding;
- web traffic is never passed on: what was open before the rules, and is known to the kernel as it stood then, would go
  past them for as long as it lives, so it is reset;
- what makes a router tell clients of a shorter way, past it, is dropped where it would leave: for IPv6 no setting does
  that;
- a worker's port takes only what was led to it. A connection straight to it would name weir as its destination, and
  weir would connect to itself, over and over.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["NAME", "Plan", "forwarding_off", "quiet_ports", "removal", "rules", "strangers"]

NAME = "inet weir"
_WEB = "tcp dport { 80, 443 }"
_QUIC = "udp dport 443 reject"
_STRAY = f"ct state invalid {_WEB} drop"  # of a connection that is led, too: it is nobody's reason to reset that one
_UNLED = f"{_WEB} reject with tcp reset"
# The kernel's own last words for a connection of weir's have no user, and nothing is pushed in them.
_OWN_UNLED = f"tcp flags psh {_UNLED}"
_NEAR = "fib daddr type { local, broadcast, multicast } return"
_LISTENS = "0A"  # in /proc/net/tcp, where words of an address have their bytes turned round
_LOOPBACK = re.compile("[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")
_SWITCHES = {"net.ipv4.ip_forward": "IPv4", "net.ipv6.conf.all.forwarding": "IPv6"}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be led where.

    Raises ValueError, with a sentence, for what can't be: no port, one twice or out of range, nothing to lead.
    """

    ports: tuple[int, ...]
    """Of the workers, which take turns connection by connection."""
    gateway: bool = True
    """Lead what other machines send through this one."""
    owner: int | None = None
    """Lead what this machine sends itself, but for programs of this user id, which is weir's; None leads none of it."""
    spared: tuple[Network, ...] = ()
    """Destinations that are left alone."""

    def __post_init__(self) -> None:
        if not self.ports or len(set(self.ports)) != len(self.ports) or not all(0 < p < 65536 for p in self.ports):
            raise ValueError("ports are numbers from 1 to 65535, each once, e.g. 8081,8082")
        if set(self.ports) & {80, 443}:
            raise ValueError("weir can't listen on 80 or 443: that is what is led to it")
        if any("%" in str(network) for network in self.spared):
            raise ValueError("a network has no zone; write it without what follows its %")  # nft would read it as rules
        if not self.gateway and self.owner is None:
            raise ValueError("nothing is to be led: neither the network's traffic nor this machine's")


def rules(plan: Plan) -> str:
    """Text for ``nft -f``: replaces the whole table in one transaction."""
    chains: list[tuple[str, str, list[str]]] = []
    spared = _spared(plan.spared)
    if plan.gateway:
        led = [_NEAR, *spared, f"{_WEB} {_to(plan.ports)}"]
        chains.append(("arriving", "type nat hook prerouting priority dstnat", led))
        chains.append(("passing", "type filter hook forward priority filter", [*spared, _QUIC, _STRAY, _UNLED]))
    if plan.owner is not None:
        own = f"meta skuid {plan.owner} return"
        led = [own, _NEAR, *spared, f"{_WEB} {_to(plan.ports)}"]
        chains.append(("leaving", "type nat hook output priority -100", led))
        chains.append(("left", "type filter hook output priority filter", [own, _NEAR, *spared, _QUIC, _OWN_UNLED]))
    if plan.gateway:
        shorter = ["icmp type redirect drop", "icmpv6 type nd-redirect drop"]
        chains.append(("shown", "type filter hook output priority filter", shorter))
    only_led = [f"tcp dport != {_set(plan.ports)} accept", "ct status dnat accept", "reject with tcp reset"]
    chains.append(("reached", "type filter hook input priority filter", only_led))
    body = "\n".join(_chain(*one) for one in chains)
    return f"{removal()}table {NAME} {{\n{body}}}\n"


def removal() -> str:
    """Text for ``nft -f``: the table is gone after it, whether it was there or not."""
    return f"add table {NAME}\ndelete table {NAME}\n"  # `destroy` would do, and needs a newer nft


def quiet_ports(tables: Iterable[str], ports: Sequence[int], *, near: bool) -> list[int]:
    """Those of ``ports`` on which nobody listens, going by the text of /proc/net/tcp and tcp6.

    Who listens on a loopback address counts only where what comes from this machine is all (``near``).
    """
    heard = set()
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3 and fields[3] == _LISTENS:
                address, _, port = fields[1].rpartition(":")
                if near or not _LOOPBACK.fullmatch(address):
                    heard.add(int(port, 16))
    return [port for port in ports if port not in heard]


def strangers(tables: Iterable[str], ports: Sequence[int], owner: int) -> list[tuple[int, int]]:
    """Port and uid of whoever listens on one of ``ports`` without being ``owner``: what such a one sends is led back
    to itself, again and again."""
    found = set()
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) > 7 and fields[3] == _LISTENS:
                port, uid = int(fields[1].rpartition(":")[2], 16), int(fields[7])
                if port in ports and uid != owner:
                    found.add((port, uid))
    return sorted(found)


def forwarding_off(values: dict[str, str]) -> list[str]:
    """A line for each kind of traffic that this machine, as it is set, does not pass on.

    ``values`` are those of ``net.ipv4.ip_forward`` and ``net.ipv6.conf.all.forwarding``; what is not there (a machine
    without IPv6) is not missed.
    """
    return [
        f"{kind} is not forwarded: what is not led to weir (DNS, mail …) ends here; to forward it: sysctl -w {name}=1"
        for name, kind in _SWITCHES.items()
        if values.get(name, "").strip() == "0"
    ]


def _to(ports: Sequence[int]) -> str:
    if len(ports) == 1:
        return f"redirect to :{ports[0]}"
    turns = ", ".join(f"{turn} : {port}" for turn, port in enumerate(ports))
    return f"redirect to :numgen inc mod {len(ports)} map {{ {turns} }}"


def _set(words: Iterable[object]) -> str:
    return "{ " + ", ".join(map(str, words)) + " }"


def _spared(networks: Sequence[Network]) -> list[str]:
    found = []
    for word, version in (("ip", 4), ("ip6", 6)):
        of_kind = [network for network in networks if network.version == version]
        collapsed = list(ipaddress.collapse_addresses(of_kind))  # type: ignore[type-var]  # one kind at a time
        if collapsed:  # nft takes no networks that overlap
            found.append(f"{word} daddr {_set(collapsed)} return")
    return found


def _chain(name: str, hook: str, lines: Sequence[str]) -> str:
    inner = "".join(f"\t\t{line}\n" for line in lines)
    return f"\tchain {name} {{\n\t\t{hook}; policy accept;\n{inner}\t}}\n"
