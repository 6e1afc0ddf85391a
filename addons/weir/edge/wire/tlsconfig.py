"""mitmproxy's TLS set-up with weir's certificate authority in it."""

from __future__ import annotations

from mitmproxy import certs, tls
from mitmproxy.addons import tlsconfig
from mitmproxy.proxy import context

from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.wire.clientcerts import ask, asked

__all__ = ["UNUSABLE_NAME", "WeirTlsConfig"]

UNUSABLE_NAME = "unusable-name.invalid"  # stands for a name that can't be in a certificate or handshake; never resolves


class WeirTlsConfig(tlsconfig.TlsConfig):
    """Leaves have a key of their own: the CA key signs them and does nothing else."""

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
            leaf, key = authority.leaf((UNUSABLE_NAME,))
        chain = [certs.Cert(c) for c in authority.chain]
        return certs.CertStoreEntry(certs.Cert(leaf), key, None, chain)  # type: ignore[arg-type]

    @guarded
    def tls_clienthello(self, tls_clienthello: tls.ClientHelloData) -> None:
        """As mitmproxy's."""
        super().tls_clienthello(tls_clienthello)

    @guarded
    def tls_start_client(self, tls_start: tls.TlsData) -> None:
        """As mitmproxy's, asking for a certificate where policy knows its CA; on a failure the connection is closed."""
        try:
            super().tls_start_client(tls_start)
            wanted = self.state.snapshot.sources.certificates
            if wanted is not None and asked(tls_start.context):
                ask(tls_start, self.get_cert(tls_start.context), wanted.roots)
        except BaseException:
            tls_start.ssl_conn = None
            raise

    @guarded
    def tls_start_server(self, tls_start: tls.TlsData) -> None:
        """A name that can't be put into a handshake must fail the connection, not hang the client's request."""
        try:
            self._start(tls_start)
        except ValueError:
            tls_start.conn.sni = UNUSABLE_NAME
            self._start(tls_start)

    def _start(self, tls_start: tls.TlsData) -> None:
        try:
            super().tls_start_server(tls_start)
        except BaseException:
            tls_start.ssl_conn = None  # half made it would wait for ever; without it the connection fails at once
            raise


class _NoStore:
    dhparams = None  # every cipher suite offered uses elliptic curves
    default_ca = None
