"""Connections whose client chose the address: what it is called there, and how it would get past us the next time."""

from __future__ import annotations

from mitmproxy import http

from weir.edge.causes import UNTRUSTED, error_class
from weir.tls.decide import is_address

__all__ = ["RULE", "is_unproven", "keep_to_tcp"]

RULE = "destination-unproven"
_PROXIED = ("regular", "upstream", "socks5")  # modes whose clients were told of us, and come whatever a server offers


def is_unproven(flow: http.HTTPFlow) -> bool:
    """Whether a client that named one host, and chose an address itself, came to a server that is not that host.

    The redirect gives weir an address, and so does a ``CONNECT`` to one; the name is the client's word. Only the
    server's certificate says whether both belong together, and nothing is sent before it did.
    """
    address, error = flow.server_conn.address, flow.error
    if not (address and error and flow.client_conn.sni and is_address(address[0])):
        return False
    return error_class(error.msg) == UNTRUSTED


def keep_to_tcp(flow: http.HTTPFlow) -> None:
    """Take the offer of another protocol, host or port out of a reply to a client that does not know of a proxy.

    It would take the offer up by itself: HTTP/3 past us, which the redirect rejects, or a port that is not led to us.
    """
    if flow.response is not None and flow.client_conn.proxy_mode.type_name not in _PROXIED:
        flow.response.headers.pop("alt-svc", None)
