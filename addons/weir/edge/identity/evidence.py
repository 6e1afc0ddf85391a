"""What a connection proves of its caller by itself: address, client certificate, WireGuard peer, program.

It is asked once a connection and policy (see `callers.of_connection`); what costs more than a look-up is kept.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from mitmproxy import connection, ctx

from weir.edge.state import Snapshot, State
from weir.edge.trace import Link, link_of
from weir.identity import processes
from weir.identity.build import Sources
from weir.identity.certificates import Certificates
from weir.identity.sources import Answer
from weir.identity.tunnels import interface_towards, through_wireguard
from weir.model import Principal

__all__ = ["answers", "is_local", "mode_of", "through_tunnel"]

QUICK_BYTES = 4096  # of certificates: two or three ordinary ones, or one with a key that is work
_loopback = functools.lru_cache(1024)(processes.is_local)


def mode_of(client: connection.Client) -> str:
    """mitmproxy's name for the mode of the listener: regular, upstream, socks5, transparent, reverse, wireguard …"""
    return client.proxy_mode.type_name


def is_local(client: connection.Client) -> bool:
    """Whether the connection comes from this machine: by loopback, or from an address of its own."""
    if not client.peername or mode_of(client) == "wireguard":  # there a peer writes any address into its packets
        return False
    address = client.peername[0]
    return _loopback(address) or interface_towards(address, address) == "lo"


def through_tunnel(client: connection.Client) -> bool:
    """Whether the connection came through WireGuard: only then an address, or the tunnel's key, names a peer."""
    link = link_of(client)
    if link.tunnelled is None:
        link.tunnelled = mode_of(client) == "wireguard" or (
            bool(client.peername) and through_wireguard(client.peername[0], client.sockname[0])
        )
    return link.tunnelled


def answers(
    state: State, snapshot: Snapshot, link: Link, client: connection.Client
) -> Mapping[str, Answer] | Awaitable[Mapping[str, Answer]]:
    """What each source that looks at connections says, by its name in the policy.

    A mapping where that costs little, else something to await: a worker reads /proc, or verifies a long chain of
    certificates (an ordinary one takes 0.3 ms). Awaiting raises what `Workers.run` raises.
    """
    sources = snapshot.sources
    mode, address = mode_of(client), client.peername[0] if client.peername else ""
    found: dict[str, Answer] = {}
    if mode != "wireguard":
        found["network"] = Answer(sources.networks.lookup(address))
    if (sources.peers or mode == "wireguard") and through_tunnel(client):
        found["peer"] = Answer(_peer(sources, client, mode, address))
    long = sum(map(len, link.chain)) > QUICK_BYTES
    if sources.certificates is not None and not long:
        found["certificate"] = _certificate(sources.certificates, link.chain)
    if (sources.certificates is not None and long) or (sources.processes and is_local(client)):
        return _by_worker(state, snapshot, link, client, found)
    return found


def _certificate(certificates: Certificates, chain: Sequence[bytes]) -> Answer:
    shown = certificates.lookup(chain, time.time())
    return Answer(shown.principal, shown.why)


def _peer(sources: Sources, client: connection.Client, mode: str, address: str) -> Principal | None:
    if mode != "wireguard":
        return sources.peers.lookup(address)
    # mitmproxy's own server knows one peer an instance.
    try:
        instance = ctx.master.addons.get("proxyserver").servers[client.proxy_mode]
    except KeyError:
        return None  # the peer was taken away, and its connections end just now
    named: Principal | None = getattr(instance, "principal", None)  # of the data directory's own peers
    return sources.peers.of_key(instance.pubkey) or named


async def _by_worker(
    state: State, snapshot: Snapshot, link: Link, client: connection.Client, found: dict[str, Answer]
) -> Mapping[str, Answer]:
    sources, made = snapshot.sources, dict(found)

    async def run[T](work: Callable[..., T], *given: object) -> T:
        timeout, owner = snapshot.settings.limits.hook_timeout_ms / 1000, client.peername[0] if client.peername else ""
        return await state.workers.run(work, *given, timeout_s=timeout, lane="parse", owner=owner)

    if sources.certificates is not None and "certificate" not in made:
        made["certificate"] = await run(_certificate, sources.certificates, link.chain)
    if sources.processes and is_local(client):
        caller = await run(processes.find_caller, client.peername[:2], client.sockname[:2])
        link.process_name = caller.program if caller else ""
        made["process"] = Answer(sources.processes.lookup(caller))
    return made
