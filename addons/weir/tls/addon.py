"""tls in the chain: which connections are decrypted, with which certificates, against which roots."""

from __future__ import annotations

from mitmproxy import certs, tls
from mitmproxy.addons import tlsconfig
from mitmproxy.proxy import context

from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import link_of

__all__ = ["Tls", "WeirTlsConfig"]

_MEMORY_MAX = 4096


class WeirTlsConfig(tlsconfig.TlsConfig):
    """mitmproxy's TLS set-up with our certificate authority: the CA key signs leaves and does nothing else."""

    name = "tlsconfig"
    request = None  # type: ignore[assignment]  # no CRL download address on other people's hosts

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    def certstore(self) -> certs.CertStore:  # type: ignore[override]
        """There is none; only its DH parameters are ever asked for."""
        return _NoStore  # type: ignore[return-value]

    def configure(self, updated: set[str]) -> None:
        """No store of mitmproxy's own is made."""

    def get_cert(self, conn_context: context.Context) -> certs.CertStoreEntry:
        """A leaf for the name the client asked for, else for the address it went to."""
        names = [conn_context.client.sni] if conn_context.client.sni else []
        if conn_context.server.address:
            names.append(conn_context.server.address[0])
        if not names:
            names.append(conn_context.client.sockname[0])
        authority = self.state.authority
        try:
            leaf, key = authority.leaf(tuple(dict.fromkeys(names)))
        except ValueError:  # an SNI that can't stand in a certificate: the handshake fails at the client, not here
            leaf, key = authority.leaf(("unusable-name.invalid",))
        chain = [certs.Cert(c) for c in authority.chain]
        return certs.CertStoreEntry(certs.Cert(leaf), key, None, chain)  # type: ignore[arg-type]

    def tls_start_server(self, tls_start: tls.TlsData) -> None:
        """A name that can't be put into a handshake must fail the connection, not hang the client's request."""
        try:
            super().tls_start_server(tls_start)
        except (ValueError, UnicodeError):
            tls_start.conn.sni = "unusable-name.invalid"
            tls_start.ssl_conn = None
            super().tls_start_server(tls_start)


class _NoStore:
    dhparams = None  # every cipher suite offered uses elliptic curves
    default_ca = None


class Tls:
    """Decides at the ClientHello whether a connection is decrypted or metered."""

    name = "tls"

    def __init__(self, state: State) -> None:
        self.state = state
        self._http1_only: dict[str, bool] = {}  # upstream hosts that turned h2 down, so clients get what they speak

    @guarded
    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Intercept or meter, by set and suffix lookup over both names that the connection claims."""
        client = data.context.client
        link = link_of(client)
        link.sni = client.sni or ""
        address = data.context.server.address
        link.host = link.host or (address[0] if address else "")
        source = client.peername[0] if client.peername else ""
        decision = self.state.snapshot.interception.decide(link.sni, address[0] if address else link.sni, source)
        if link.failed:
            return  # decrypt, so that the refusal can be said in words
        if not decision.intercept:
            link.meter_reason = decision.reason
            data.ignore_connection = True
        elif client.alpn_offers and b"h2" in client.alpn_offers and not self._http1_only.get(link.sni):
            client.alpn = b"h2"  # lazy upstream would follow the client's order and downgrade it

    @guarded
    def tls_established_server(self, data: tls.TlsData) -> None:
        """Remember which hosts speak only HTTP/1: an h2 client would get a new upstream connection per request."""
        if data.conn.sni and b"h2" in data.conn.alpn_offers:
            self._http1_only[data.conn.sni] = data.conn.alpn != b"h2"
            while len(self._http1_only) > _MEMORY_MAX:
                self._http1_only.pop(next(iter(self._http1_only)))
