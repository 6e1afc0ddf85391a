"""Where weir does not connect to, decided on the very addresses that are connected to.

A name is resolved once, by asyncio as it connects. What that yields is looked at before asyncio goes on with it, so a
name that has another address a moment later (DNS rebinding) leads nowhere else. What the operator has written on the
command line (`--resolve`, the address of a reverse or upstream mode) is the operator's word and passes.

Nobody is led to weir's own listener: what came out of it there would count as of the proxy's own machine.
"""

from __future__ import annotations

import asyncio
import socket
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from mitmproxy import connection, ctx
from mitmproxy.proxy import mode_specs, server_hooks

from weir.addresses import plain
from weir.destinations import LOOPBACK, METADATA, kind_of
from weir.edge.answer import answer
from weir.edge.bounds.lookups import Shares
from weir.edge.guard import guarded
from weir.edge.trace import Trace, link_of

if TYPE_CHECKING:
    from mitmproxy import http

    from weir.edge.state import State
    from weir.edge.wire.resolve import Resolve

__all__ = ["REFUSED", "Destinations", "is_here", "on_this_machine", "refused", "wanted"]

REFUSED = "refused by weir: destination"
RULE = "destination"
LOOKUPS = 64  # names asked for at once
LOOKUP_S = 10.0
STATUS = 403
_ITSELF = "weir"

_Found = Sequence[tuple[Any, Any, Any, Any, Any]]
_check: ContextVar[Callable[[_Found], _Found] | None] = ContextVar("weir-destination", default=None)
_who: ContextVar[str] = ContextVar("weir-asks", default="")
_named: weakref.WeakSet[connection.Server] = weakref.WeakSet()  # whose address is the operator's word

_PHRASES = {
    METADATA: "a link-local address or one of a cloud's metadata",
    LOOPBACK: "an address of the proxy's own machine",
    "private": "a private address",
    _ITSELF: "weir itself",
}


def on_this_machine(client: connection.Client) -> bool:
    """Whether a client runs where weir runs: it needs no proxy to reach a loopback address."""
    if not client.peername or client.proxy_mode.type_name == "wireguard":  # there a peer writes what it likes
        return False
    own = client.sockname[0] if client.sockname else ""
    return client.peername[0] == own or kind_of(client.peername[0]) == LOOPBACK


def wanted(trace: Trace | None, flow: http.HTTPFlow) -> None:
    """Before a connection for an exchange is had: connections to there are an AI service's from now on."""
    if trace is not None and (trace.is_ai or trace.suspected):
        trace.link.bounds.ai_places.add((flow.request.host, flow.request.port))


def refused(trace: Trace | None, flow: http.HTTPFlow, server: connection.Server | None, error: str | None) -> bool:
    """After it: whether the exchange must not have it, and then the answer is set.

    A connection that was opened for something else may be had for an exchange with an AI service, too.
    """
    if trace is None:
        return False
    if REFUSED in (error or ""):
        kind = trace.link.bounds.no_way
    elif error or server is None or not (trace.is_ai or trace.suspected) or server in _named or not server.peername:
        return False
    else:
        local = on_this_machine(flow.client_conn)
        guard, ip = trace.snapshot.destinations, server.peername[0]
        kind = guard.refuses(ip, ai=True, local=local)
        if kind and not trace.enforcing and not guard.refuses(ip, ai=False, local=local):
            trace.extra = {**trace.extra, "destination": kind}
            return False
    if not kind:
        return False
    trace.refused_by, trace.refused_why = RULE, f"leads to {_PHRASES.get(kind, kind)}"
    remedy = "" if kind == _ITSELF else " Its operator can name the network under destinations: {except: […]}."
    answer(flow, trace, STATUS, RULE, f"weir does not connect there: the host {trace.refused_why}.{remedy}")
    return True


class Destinations:
    """Refuses addresses as they are connected to. After `Resolve` in the chain."""

    name = "destinations"

    def __init__(self, state: State, resolve: Resolve) -> None:
        self.state = state
        self._resolve = resolve

    def running(self) -> None:
        """Have asyncio's own look-ups looked at."""
        _watch(asyncio.get_running_loop())

    @guarded
    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse an address; of a name, look at what it resolves to."""
        _check.set(None)
        _who.set(data.client.peername[0] if data.client.peername else "")
        address = data.server.address
        if address is None or data.server.error:
            return
        if self._resolve.told(data.server) or _of_mode(data.client, address):
            _named.add(data.server)
            return
        snapshot, client, link = self.state.snapshot, data.client, link_of(data.client)
        ai, local = address[:2] in link.bounds.ai_places, on_this_machine(data.client)
        gently, own_port = snapshot.settings.mode != "enforce", address[1] in _ports(client)

        def wrong(ip: str) -> str:
            here = (own_port or not local) and is_here(ip)
            if own_port and here:
                return _ITSELF
            kind = snapshot.destinations.refuses(ip, ai=ai, local=local, here=here)
            if kind and gently and not snapshot.destinations.refuses(ip, ai=False, local=local, here=here):
                return ""  # told in the record of the exchange
            return kind

        def left(found: _Found) -> _Found:
            kinds = [wrong(str(one[4][0])) for one in found]
            kept = [one for one, kind in zip(found, kinds, strict=True) if not kind]
            if found and not kept:
                _note(client, kinds[0])
                raise OSError(REFUSED)
            return kept

        try:
            kind = wrong(address[0])
        except ValueError:  # a name
            _check.set(left)
            return
        if kind:
            _note(client, kind)
            data.server.error = REFUSED


def _note(client: connection.Client, kind: str) -> None:
    link = link_of(client)
    link.bounds.no_way = kind
    if link.metered:
        link.refused, link.refused_by, link.refused_why = True, RULE, f"leads to {_PHRASES.get(kind, kind)}"


def _ports(client: connection.Client) -> set[int]:
    """Where weir listens."""
    proxyserver = ctx.master.addons.get("proxyserver") if hasattr(ctx, "master") else None
    found = {client.sockname[1]} if client.sockname else set()
    return found.union(place[1] for one in (proxyserver.servers if proxyserver else ()) for place in one.listen_addrs)


def is_here(ip: str) -> bool:
    """Whether an address is one of this machine's: then the way to it begins at itself. Sends nothing."""
    there = str(plain(ip))
    try:
        with socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((there, 9))
            return kind_of(there) == LOOPBACK or str(probe.getsockname()[0]) == there
    except OSError:
        return False


def _of_mode(client: connection.Client, address: tuple[Any, ...]) -> bool:
    mode = client.proxy_mode
    return isinstance(mode, mode_specs.ReverseMode | mode_specs.UpstreamMode) and tuple(mode.address[:2]) == address[:2]


def _watch(loop: asyncio.AbstractEventLoop) -> None:
    """Put the look at addresses between asyncio's resolving and its connecting. Idempotent."""
    if getattr(loop.getaddrinfo, "__weir__", False):
        return
    # Names that nobody answers for hold a thread each for as long as the system asks; others of weir's own work in the
    # loop's few threads, and are not to wait for them.
    threads, shares = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="weir-names"), Shares()

    async def getaddrinfo(*arguments: Any, **named: Any) -> _Found:
        look = partial(loop.run_in_executor, threads, partial(socket.getaddrinfo, *arguments, **named))
        asking = shares.ask(_who.get(), look)  # nobody's names take all of the threads
        try:
            found: _Found = await asyncio.wait_for(asking, LOOKUP_S)
        except TimeoutError:
            raise OSError("name look-up timed out") from None
        check = _check.get()
        return found if check is None else check(found)

    getaddrinfo.__weir__ = True  # type: ignore[attr-defined]
    loop.getaddrinfo = getaddrinfo  # type: ignore[assignment, method-assign]
