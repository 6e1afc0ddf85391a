"""TLS with the client as far as its own certificate goes: in which layer it is asked for one, and how.

A client that speaks TLS to the proxy itself ("secure web proxy") is asked in that outer layer and nowhere else: within
the tunnel it believes to speak to the origin. Where it cannot speak TLS to the proxy (SOCKS5, transparent, reverse …)
it is asked in the one layer there is. The request names the CAs that policy knows, so that a browser without a
certificate of theirs does not trouble anybody.
"""

from __future__ import annotations

import functools

from cryptography import x509
from mitmproxy import certs, ctx, tls
from mitmproxy.addons import tlsconfig
from mitmproxy.net import tls as net_tls
from mitmproxy.proxy import context, layers
from mitmproxy.proxy.layers import modes
from OpenSSL import SSL, crypto

__all__ = ["ask", "asked", "chain_of", "to_proxy"]

_EXPLICIT = (modes.HttpProxy, modes.HttpUpstreamProxy)


def to_proxy(conn_context: context.Context) -> bool:
    """Whether this is the TLS layer that a client speaks to the proxy itself."""
    stack = conn_context.layers  # the layer for HTTP within is made along with it
    return len(stack) == 3 and isinstance(stack[0], _EXPLICIT) and isinstance(stack[1], layers.ClientTLSLayer)


def asked(conn_context: context.Context) -> bool:
    """Whether the client is asked for a certificate in this layer, if policy wants one."""
    return not isinstance(conn_context.layers[0], _EXPLICIT) or to_proxy(conn_context)


def ask(tls_start: tls.TlsData, entry: certs.CertStoreEntry, issuers: tuple[x509.Certificate, ...]) -> None:
    """Make the handshake that is about to begin, with the leaf ``entry``, ask for a certificate of ``issuers``.

    None is fine too; whether what comes is any good is not looked at here.
    """
    given = tls_start.ssl_conn
    if given is None or tls_start.is_dtls:
        return
    options = ctx.options
    ciphers = tls_start.conn.cipher_list or tlsconfig._default_ciphers(net_tls.Version[options.tls_version_client_min])
    asking = SSL.Connection(
        _asking(
            issuers,
            options.tls_version_client_min,
            options.tls_version_client_max,
            tuple(ciphers),
            options.tls_ecdh_curve_client,
        )
    )
    asking.use_certificate(entry.cert.to_cryptography())
    asking.use_privatekey(entry.privatekey)
    asking.set_app_data(given.get_app_data())
    asking.set_accept_state()
    tls_start.ssl_conn = asking


@functools.lru_cache(16)
def _asking(
    issuers: tuple[x509.Certificate, ...], least: str, most: str, ciphers: tuple[str, ...], curve: str | None
) -> SSL.Context:
    # Not from mitmproxy's cache: what is set here must not reach connections that are not asked.
    made = net_tls.create_client_proxy_context.__wrapped__(
        method=net_tls.Method.TLS_SERVER_METHOD,
        min_version=net_tls.Version[least],
        max_version=net_tls.Version[most],
        cipher_list=ciphers,
        ecdh_curve=net_tls.get_curve(curve),
        chain_file=None,
        alpn_select_callback=tlsconfig.alpn_select_callback,
        request_client_cert=True,
        extra_chain_certs=(),
        dhparams=None,
    )
    for issuer in issuers:
        made.add_client_ca(issuer)
    # A resumed session would bring the certificate without its chain, and without a proof that its key is still held.
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    made.set_options(SSL.OP_NO_TICKET)
    return made


def chain_of(ssl_conn: SSL.Connection | None) -> tuple[bytes, ...]:
    """The certificates (DER) that the client showed in a handshake, its own first; empty when none.

    Not from mitmproxy's `certificate_list`: that leaves out what it cannot read, and then the first of it is not the
    one whose key the client holds, but any that it has seen somewhere.
    """
    own = ssl_conn.get_peer_certificate() if isinstance(ssl_conn, SSL.Connection) else None
    if ssl_conn is None or own is None:
        return ()
    others = ssl_conn.get_peer_cert_chain() or []
    return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in (own, *others))
