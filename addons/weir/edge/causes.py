"""Why an exchange broke off, in phrases of our own: error messages may quote what was on the wire."""

from __future__ import annotations

from mitmproxy import http

from weir.edge.trace import link_of

__all__ = ["UNTRUSTED", "cause_of", "error_class"]

UNTRUSTED = "upstream certificate not trusted"

# What an error means, by words of mitmproxy's messages. The messages themselves may quote header values.
_ERROR_WORDS = (
    ("request smuggling", "malformed request"),
    ("client disconnect", "client closed the connection"),
    ("client closed", "client closed the connection"),
    ("stream reset by client", "client cancelled the stream"),
    ("certificate verify failed", UNTRUSTED),
    ("server disconnect", "upstream closed the connection"),
    ("server closed", "upstream closed the connection"),
    ("closed connection", "connection closed"),
    ("connect call failed", "upstream could not be reached"),
    ("connection refused", "upstream refused the connection"),
    ("name or service not known", "upstream name not found"),
    ("nodename nor servname", "upstream name not found"),
    ("timed out", "timed out"),
    ("timeout", "timed out"),
    ("connection killed", "refused by weir"),
    ("killed", "cut by weir"),
    ("tls", "TLS failed"),
    ("ssl", "TLS failed"),
    ("http/2 protocol error", "protocol error"),
    ("malformed reply", "malformed reply"),
    ("unwanted upgrade", "upstream changed the protocol unasked"),
    ("head over the limit", "head over the limit"),
    ("eof", "connection closed"),
)


def error_class(message: str) -> str:
    """One of a fixed set of phrases for an error message that itself is not safe to keep."""
    lowered = message.lower()
    return next((phrase for word, phrase in _ERROR_WORDS if word in lowered), "protocol error")


def cause_of(flow: http.HTTPFlow, message: str) -> str:
    """Why an exchange broke off. HTTP/2 calls either side the peer: the connections tell which one it was."""
    link = link_of(flow.client_conn)
    if link.refused_by == "limit":
        return link.refused_why
    cause = error_class(message)
    if cause == "malformed request" and flow.response is not None:
        return "malformed reply"
    if cause != "connection closed":
        return cause
    return f"{'upstream' if flow.client_conn.connected else 'client'} closed the connection"
