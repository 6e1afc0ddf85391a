"""Messages that two readers may read in two ways. mitmproxy refuses most; these it would pass on as they came."""

from __future__ import annotations

import re

from mitmproxy import http
from mitmproxy.proxy.layers import http as http_layers

__all__ = ["malformed", "malformed_reply"]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROLS = re.compile(rb"[\0\r\n]")  # a folded header line holds them too, and RFC 9112 wants it refused
_BREAKS = re.compile(rb"[ \t]*[\0\r\n]+[ \t]*")
_TARGET_BREAKS = re.compile(rb"[\0-\x20\x7f]")  # in HTTP/1 a target ends there; HTTP/2 can carry it
_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
# Every server takes fewer, and each part is looked at by itself: a head of 256 KiB of them would hold up everybody.
_PARTS_MAX = 1000  # of a path, of a query
_VERSIONS = (b"HTTP/1.1", b"HTTP/2.0", b"HTTP/3", b"HTTP/1.0")


def malformed(request: http.Request, lines_max: int = 1000) -> str:
    """What is wrong with a request's head; "" when nothing is. Never quotes it. One of too many parts loses most of
    them here: it is to be refused, and all who look at it until then look at each part."""
    data = request.data
    if data.http_version not in _VERSIONS:
        return "unknown protocol version"
    if not _TOKEN.fullmatch(data.method):
        return "malformed method"
    if _TARGET_BREAKS.search(data.path) or _TARGET_BREAKS.search(data.authority):
        return "control character in the target"
    fields = request.headers.fields
    if wrong := _curbed(request, lines_max):
        return wrong
    if not all(_TOKEN.fullmatch(name) for name, _ in fields):
        return "malformed header name"  # mitmproxy refuses it too, once everybody else has had a say
    if _CONTROLS.search(b"".join([value for _, value in fields])):
        return "control character in a header"
    if data.http_version.startswith(b"HTTP/1"):
        hosts = sum(1 for name, _ in fields if name.lower() == b"host")
        if hosts != 1 and (hosts or data.http_version == b"HTTP/1.1"):
            return "several host headers" if hosts else "no host header"
    claims = [data.authority, *(value for name, value in fields if name.lower() == b"host")]
    if not all(_AUTHORITY.fullmatch(claim) for claim in claims[1:]) or (
        claims[0] and not _AUTHORITY.fullmatch(claims[0])
    ):
        return "malformed host"  # what one reader takes for a port another takes for a host
    return ""


def _curbed(request: http.Request, lines_max: int) -> str:
    data, fields = request.data, request.headers.fields
    if len(fields) > lines_max:
        request.headers = http.Headers(fields[:lines_max])
        return "too many header lines"
    if data.path.count(b"&") > _PARTS_MAX or data.path.partition(b"?")[0].count(b"/") > _PARTS_MAX:
        data.path = data.path[:_PARTS_MAX]
        return "too many parts in the target"
    return ""


def malformed_reply(response: http.Response) -> str:
    """What is wrong with a reply's head, so that there is none and ours goes out; "" for nothing.

    Line breaks within a value become spaces (RFC 9110, 5.5): over HTTP/2 they would end the connection of the client
    with all its streams, and over HTTP/1 some read another header there.
    """
    data = response.data
    if not (200 <= data.status_code <= 999 or data.status_code == 101):
        return "malformed reply"  # an interim one is none, and a client would wait for what never comes
    if _CONTROLS.search(b"".join([data.reason, *[value for _, value in data.headers.fields]])):
        data.reason = _BREAKS.sub(b" ", data.reason)
        data.headers = http.Headers([(name, _BREAKS.sub(b" ", value)) for name, value in data.headers.fields])
    try:
        http_layers.validate_headers(response)
    except ValueError:  # quotes the headers
        return "malformed reply"
    return ""
