"""Opens every exchange: its trace, the names it claims, and the refusal of what an earlier hook has condemned."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import defaultdict

from mitmproxy import connection, ctx, http

from weir.edge.guard import guarded, refuse
from weir.edge.head import head_of
from weir.edge.state import State
from weir.edge.trace import trace_of
from weir.edge.wire.coding import acceptable
from weir.edge.wire.unproven import keep_to_tcp
from weir.edge.wire.wellformed import malformed
from weir.model import Inspection

__all__ = ["Begin", "claimed_names"]

UPSTREAM_CONNECTIONS_MAX = 64  # an address and client connection; mitmproxy's 5 starve an h2 client on an h1 upstream


def _bare(name: str) -> str:
    """A host name or address in one spelling: lower case, no port, no brackets, no trailing dot."""
    name = name.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    if name.count(":") > 1:  # IPv6 without brackets
        return name
    return name.partition(":")[0].rstrip(".")


def _is_address(name: str) -> bool:
    if not (name[-1:].isdigit() or ":" in name):  # no other name is one, and asking `ipaddress` costs 10 µs
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def claimed_names(flow: http.HTTPFlow) -> tuple[str, ...]:
    """The hosts a request claims, each once; the first is the one that it really goes to.

    In a tunnel with TLS mitmproxy checks the server's certificate against the client's SNI, so that is where the
    request goes, and a tunnel to a bare address is no second claim. Everywhere else it goes to the request's target.
    """
    request = flow.request
    tunnel = flow.server_conn.address  # the target of a CONNECT, or the original destination
    claims = [request.host, request.authority, *request.headers.get_all("host")]
    if tunnel and request.scheme == "https" and flow.client_conn.sni:
        claims[0] = flow.client_conn.sni
        if not _is_address(tunnel[0]):
            claims.insert(1, tunnel[0])
    names = [bare for bare in map(_bare, claims) if bare]
    return tuple(dict.fromkeys(names)) or (request.host,)


def _readable(request: http.Request) -> str:
    """The codings to ask for in place of those that the client takes; "" when they are none of weir's business."""
    wanted = request.headers.get("accept-encoding")
    readable = "" if wanted is None else acceptable(wanted)
    return readable if readable != wanted else ""


class Begin:
    """First of the deciding addons."""

    name = "begin"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def client_connected(self, client: connection.Client) -> None:
        """Lift the cap on upstream connections of one client connection."""
        handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
        if handler is not None:
            handler.max_conns = defaultdict(lambda: asyncio.Semaphore(UPSTREAM_CONNECTIONS_MAX))

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Start the trace."""
        trace = self.state.trace(flow)
        head = trace.head = head_of(trace, flow)
        trace.names = head.once("names", lambda: claimed_names(flow))
        trace.host = trace.names[0]
        if not (flow.request.is_http2 or flow.request.is_http3):
            flow.request.authority = (
                ""  # origin form: an absolute target inside a tunnel is a second opinion on the host
            )
        readable = head.once("codings", lambda: _readable(flow.request))
        if readable:
            flow.request.headers["accept-encoding"] = readable
        wrong = "" if head.sound else malformed(flow.request, trace.link.bounds.limits.head_lines_max)
        head.sound = not wrong
        if wrong:
            trace.refused_by, trace.inspection, trace.reason = "malformed-request", Inspection.UNPARSED, wrong
            refuse(flow, 400, "This request is malformed, so it was not forwarded.", "malformed-request")
        if trace.link.failed:
            trace.fail(trace.link.failed)
            trace.failed_open = not trace.link.condemned
            if trace.link.condemned:
                refuse(flow, 503, "weir could not inspect this connection, so nothing was forwarded.")

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Keep a client that does not know of weir from being led past it."""
        keep_to_tcp(flow)

    @guarded
    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Count the message and let go of the ones before it: mitmproxy keeps all of them."""
        trace = trace_of(flow)
        assert flow.websocket
        message = flow.websocket.messages[-1]
        if trace and trace.abort:
            message.drop()
        if trace:
            if message.from_client:
                trace.req_bytes += len(message.content)
            else:
                trace.resp_bytes += len(message.content)
        del flow.websocket.messages[:-1]
