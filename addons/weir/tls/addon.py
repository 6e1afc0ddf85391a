"""tls in the chain: which connections are decrypted."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import connection, tls

from weir.edge.bounds.forged import Names, doubtful
from weir.edge.guard import guarded
from weir.edge.pinning import passes
from weir.edge.state import State
from weir.edge.trace import Link, link_of
from weir.edge.wire.clientcerts import to_proxy
from weir.tls.decide import Decision

__all__ = ["Tls"]

_MEMORY_MAX = 4096


class Tls:
    """Decides at the ClientHello whether a connection is decrypted or metered."""

    name = "tls"

    def __init__(self, state: State) -> None:
        self.state = state
        self._names = Names()
        self._http1_only: dict[tuple[str, int], bool] = {}  # upstreams that turned h2 down: clients get what they speak

    @guarded
    def tls_clienthello(self, data: tls.ClientHelloData) -> Awaitable[None] | None:
        """Intercept or meter, by set and suffix lookup over both names that the connection claims."""
        client = data.context.client
        if to_proxy(data.context):  # weir itself is meant: nothing of it is for anybody else
            client.alpn = b"http/1.1"  # mitmproxy takes no CONNECT over HTTP/2
            return None
        link = link_of(client)
        link.sni = client.sni or ""
        address = data.context.server.address
        link.host = link.host or (address[0] if address else "")
        link.port = link.port or (address[1] if address else 0)
        source = client.peername[0] if client.peername else ""
        decision = self.state.snapshot.interception.decide(link.sni, address[0] if address else link.sni, source)
        link.tenant_only = decision.reason == "tenant"
        if link.failed:
            return None  # decrypt, so that the refusal can be said in words
        if not decision.intercept and address and doubtful(self.state.snapshot, link, client, address[0]):
            return self._judge(data, link, decision)
        self._settle(data, link, decision)
        return None

    async def _judge(self, data: tls.ClientHelloData, link: Link, decision: Decision) -> None:
        address = data.context.server.address
        assert address is not None
        settings = self.state.snapshot.settings
        honest = await self._names.judge(settings, link, address[0])
        self._settle(data, link, decision if honest else Decision(True, "forged"))

    def _settle(self, data: tls.ClientHelloData, link: Link, decision: Decision) -> None:
        client, address = data.context.client, data.context.server.address
        if not decision.intercept:
            link.meter_reason = decision.reason
            data.ignore_connection = True
        elif passes(self.state, link, data, decision):
            data.ignore_connection = True
        elif client.alpn_offers and b"h2" in client.alpn_offers:
            only = self._http1_only.get((link.sni, address[1] if address else 0)) and b"http/1.1" in client.alpn_offers
            client.alpn = b"http/1.1" if only else b"h2"  # lazy upstream would follow the client's order of preference

    @guarded
    def tls_established_server(self, data: tls.TlsData) -> None:
        """Remember which hosts speak only HTTP/1: an h2 client would get a new upstream connection per request."""
        server: connection.Server = data.conn  # type: ignore[assignment]  # as the hook's name says
        if server.sni and server.address and b"h2" in server.alpn_offers:
            self._http1_only[server.sni, server.address[1]] = server.alpn != b"h2"
            while len(self._http1_only) > _MEMORY_MAX:
                self._http1_only.pop(next(iter(self._http1_only)))
