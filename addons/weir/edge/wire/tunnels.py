"""weir's own WireGuard: a server for each peer of the data directory, added and taken away while weir runs.

``--mode wireguard`` stands for all of them. What mitmproxy's own server does at its start is not done for them: it
keeps a private key of the client beside its own, and says it in the log.

A peer writes any address into its packets. Whoever counts connections, asks whether a virtual key may come from there
or reads the audit would take its word, so a connection has the address that weir gave to the peer's key instead.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import mitmproxy_rs
from mitmproxy import ctx
from mitmproxy.proxy import context, layer
from mitmproxy.proxy.mode_servers import AsyncioServerInstance, WireGuardServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode

from weir.edge import records
from weir.edge.net import Net
from weir.edge.state import State
from weir.edge.wire.tunneldns import Names
from weir.identity.tunnelpeers import PeersError, TunnelPeer, addresses_of, load, peers_file

__all__ = ["Tunnels", "install"]

log = logging.getLogger("weir")
POLL_S = 1.0
MODE = "wireguard"
_UNNUMBERED = addresses_of(0)  # of a peer that is none of the data directory's
_stock_start = WireGuardServerInstance._start
_stock_top = WireGuardServerInstance.make_top_layer


def _data_of(peer: TunnelPeer) -> str:
    # Whatever is about the peer is part of it: one that came back with another key has another server.
    about = repr((peer.key, peer.user, peer.team, peer.app, peer.device)).encode()
    return f"{peer.name}/{hashlib.sha256(about).hexdigest()[:12]}"


def _own() -> Tunnels | None:
    found = ctx.master.addons.get("wireguard")
    return found if isinstance(found, Tunnels) else None


async def _start(self: Any) -> None:
    own = _own()
    peer = own.peers.get(self.mode.data) if own else None
    if own is None or peer is None:
        return await _stock_start(self)
    self.server_key, self.client_key, self.pubkey = own.key, "", peer.key
    self.principal, self.addresses = peer.principal, peer.addresses
    await AsyncioServerInstance._start(self)
    return None


def _top(self: Any, about: context.Context) -> layer.Layer:
    address, port = about.client.peername[:2]
    about.client.peername = (getattr(self, "addresses", _UNNUMBERED)[":" in address], port)
    return _stock_top(self, about)


async def _listen(self: Any, host: str, port: int) -> object:
    async def datagrams(stream: mitmproxy_rs.Stream) -> None:
        own = _own()
        names = own.names if own else Names(())
        await names.serve(stream, stream.get_extra_info("sockname")[1], self.pubkey)

    return await mitmproxy_rs.wireguard.start_wireguard_server(
        host, port, self.server_key, [self.pubkey], self.handle_stream, datagrams
    )


def install() -> None:
    """Have mitmproxy start its WireGuard servers our way."""
    WireGuardServerInstance._start = _start  # type: ignore[method-assign]
    WireGuardServerInstance.make_top_layer = _top  # type: ignore[assignment,method-assign]
    WireGuardServerInstance.start_udp_based_server = _listen  # type: ignore[assignment]


class Tunnels:
    """Follows the file of peers. ``asked`` are the modes that the operator named, ``host`` where to listen."""

    name = "wireguard"

    def __init__(self, state: State, asked: Sequence[str], host: str) -> None:
        self.state = state
        self.asked, self.host = asked, host
        self.wanted = MODE in asked
        self.file = peers_file(state.data.path)
        self.key = ""
        self.names = Names(())
        self.peers: Mapping[str, TunnelPeer] = {}
        self._seen: tuple[int, ...] | None = None
        self._task: asyncio.Task[None] | None = None
        self._net = Net(log.error, "a change of the WireGuard peers could not be followed")

    def modes(self) -> list[str]:
        """The modes to listen in: each peer of the file its own. Raises PeersError, or DataDirError."""
        if not self.wanted:
            return list(self.asked)
        self._seen = self._signature()
        peers = load(self.file)
        if not self.key:
            self.key = base64.b64encode(self.state.data.secret("wireguard")).decode()
        self.peers = {_data_of(peer): peer for peer in peers}
        place = f"{self.host}:" if self.host else ""
        every = [f"{MODE}:{data}@{place}{peer.port}" for data, peer in self.peers.items()]
        return [one for mode in self.asked for one in (every if mode == MODE else [mode])]

    def _signature(self) -> tuple[int, ...]:
        try:
            stat = self.file.stat()
        except OSError:
            return ()
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    async def running(self) -> None:
        """Begin to follow the file."""
        self.names = Names([(address, 53) for address in mitmproxy_rs.dns.get_system_dns_servers()])
        if not self.wanted:
            return
        if self.host in ("localhost", "127.0.0.1", "::1"):
            log.warning("WireGuard listens for this machine alone; --listen 0.0.0.0:PORT lets others in")
        if not self.peers:
            log.warning("WireGuard has no peers yet; weir wireguard peer add NAME makes one")
        self._task = asyncio.create_task(self._watch())

    async def done(self) -> None:
        """Follow it no more."""
        if self._task:
            self._task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            if self._signature() != self._seen and not self.state.draining:
                with self._net:
                    await self.follow()

    async def follow(self) -> None:
        """Listen for the peers that the file holds now, and for no others."""
        before = len(self.peers)
        try:
            modes = self.modes()
        except (PeersError, OSError) as error:
            log.error("changed WireGuard peers not taken, those in force stay: %s", error)
            return
        servers = ctx.master.addons.get("proxyserver").servers
        await servers.update([ProxyMode.parse(mode) for mode in modes])
        for one in servers:
            peer = self.peers.get(one.mode.data) if one.mode.type_name == MODE else None
            if peer is not None and one.last_exception is not None:
                log.error("the peer %s can't come in: port %d can't be listened on", peer.name, peer.port)
        log.info("WireGuard peers: %d, they were %d", len(self.peers), before)
        event = f"WireGuard peers changed: {len(self.peers)}"
        self.state.spool.put(records.event_record("config", event, self.state.snapshot.settings.hash))
