"""identity in the chain: who opened the connection, from Basic credentials or the source network."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.guard import guarded, refuse
from weir.edge.state import Snapshot, State
from weir.edge.trace import Trace, link_of, trace_of
from weir.identity.basic import parse_basic
from weir.identity.resolve import resolve
from weir.model import ANONYMOUS, Principal

__all__ = ["Identity"]


def _address(flow: http.HTTPFlow) -> str:
    return flow.client_conn.peername[0] if flow.client_conn.peername else ""


_CREDENTIALS = "proxy-authorization"


class Identity:
    """Carries the principal of a CONNECT to every inner request and takes the caller's credentials off the wire."""

    name = "identity"

    def __init__(self, state: State) -> None:
        self.state = state

    async def _principal(self, snapshot: Snapshot, headers: http.Headers, address: str) -> Principal | None:
        """Who the headers and the address prove; None when credentials were given and are wrong."""
        by_network = snapshot.networks.lookup(address)
        given = headers.get(_CREDENTIALS)
        if given is None or snapshot.users is None:
            return by_network or ANONYMOUS
        credentials = parse_basic(given)
        if credentials is None:
            return None
        principal = snapshot.users.cached(*credentials)
        if principal is None:
            workers, timeout = self.state.workers, snapshot.settings.limits.hook_timeout_ms / 1000
            principal = await workers.run(snapshot.users.verify, *credentials, timeout_s=timeout)
        if principal is None:
            return None
        return resolve([p for p in (by_network, principal) if p])

    @guarded
    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Authenticate the tunnel; a wrong credential is refused, a missing one only where nothing else can speak."""
        link = link_of(flow.client_conn)
        link.host = flow.request.host
        snapshot = self.state.snapshot
        principal = await self._principal(snapshot, flow.request.headers, _address(flow))
        flow.request.headers.pop(_CREDENTIALS, None)
        challenge = (
            snapshot.settings.identity.required and snapshot.users is not None and not self.state.virtual_keys.list()
        )
        if principal is None or (principal == ANONYMOUS and challenge):
            self._challenge(flow, wrong=principal is None)
            link.refused = True
        else:
            link.principal = principal

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Absolute-form requests bring their credentials each time; in a tunnel the connection's principal holds."""
        trace = trace_of(flow)
        given = _CREDENTIALS in flow.request.headers
        if trace is None or flow.response:
            flow.request.headers.pop(_CREDENTIALS, None)
            return None
        trace.principal = trace.link.principal
        if given:
            return self._identify(trace, flow)
        if trace.principal == ANONYMOUS:
            trace.principal = trace.snapshot.networks.lookup(_address(flow)) or ANONYMOUS
        return None

    async def _identify(self, trace: Trace, flow: http.HTTPFlow) -> None:
        principal = await self._principal(trace.snapshot, flow.request.headers, _address(flow))
        flow.request.headers.pop(_CREDENTIALS, None)
        if principal is None:
            self._challenge(flow, wrong=True)
        else:
            trace.principal = resolve([trace.link.principal, principal])

    @staticmethod
    def _challenge(flow: http.HTTPFlow, *, wrong: bool) -> None:
        said = "These proxy credentials are not valid." if wrong else "This proxy wants to know who is calling."
        refuse(flow, 407, said, "identity-required")
        assert flow.response
        flow.response.headers["proxy-authenticate"] = 'Basic realm="weir", charset="UTF-8"'
