"""What two readers may read in two ways is malformed; what honest clients send is not."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tutils

from weir.edge.wire.wellformed import malformed

HOST = (b"Host", b"api.openai.com")


def request(*fields: tuple[bytes, bytes], **changes: Any) -> http.Request:
    made = {"http_version": b"HTTP/1.1", "authority": b"", "headers": http.Headers(fields or (HOST,)), **changes}
    return tutils.treq(**made)


@pytest.mark.parametrize(
    "good",
    [
        request(),
        request(method=b"M-SEARCH"),
        request(HOST, (b"X-Odd", b"\xff\xfe\ttab and \x01")),
        request(path=b"/v1/m%20x:go?key=%0d%0a"),
        request(path=b"/\xc3\xa4"),
        request((b"a", b"b"), http_version=b"HTTP/1.0"),
        request((b"a", b"b"), http_version=b"HTTP/2.0", authority=b"api.openai.com"),
        request((b"host", b"a"), http_version=b"HTTP/2.0", authority=b"api.openai.com"),
    ],
)
def test_honest_requests(good: http.Request) -> None:
    assert malformed(good) == ""


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (request(http_version=b"HTTP/9.9"), "unknown protocol version"),
        (request(http_version=b"HTTP/1.2"), "unknown protocol version"),
        (request(method=b"GET / HTTP/1.1\r\nX:"), "malformed method"),
        (request(method=b""), "malformed method"),
        (request(path=b"/a b"), "control character in the target"),
        (request(path=b"/a\r\nX: y", http_version=b"HTTP/2.0"), "control character in the target"),
        (request(authority=b"a\0b", http_version=b"HTTP/2.0"), "control character in the target"),
        (request(HOST, (b"Proxy-Authorization ", b"x")), "malformed header name"),
        (request(HOST, (b"", b"x")), "malformed header name"),
        (request(HOST, (b"X", b"a\0b")), "control character in a header"),
        (request(HOST, (b"X", b"a\rContent-Length: 0")), "control character in a header"),
        (request(HOST, (b"X", b"a\r\n folded")), "control character in a header"),
        (request((b"X", b"y")), "no host header"),
        (request(HOST, HOST), "several host headers"),
        (request(HOST, HOST, http_version=b"HTTP/1.0"), "several host headers"),
    ],
)
def test_malformed(bad: http.Request, why: str) -> None:
    assert malformed(bad) == why


@pytest.mark.parametrize(
    "good",
    [
        request(HOST, *[(b"X", b"y")] * 900),
        request(path=b"/x?" + b"a=b&" * 900),
        request(path=b"/x" * 900 + b"?" + b"/" * 9000),
    ],
)
def test_many_parts_are_honest(good: http.Request) -> None:
    assert malformed(good) == ""


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (request(path=b"/x?" + b"&" * 100_000), "too many parts in the target"),
        (request(path=b"/%2e" * 50_000), "too many parts in the target"),
        (request(HOST, *[(b"X", b"y")] * 20_000), "too many header lines"),
    ],
)
def test_a_head_that_would_hold_up_everybody_is_cut_short(bad: http.Request, why: str) -> None:
    assert malformed(bad) == why
    assert len(bad.data.path) <= 1000 and len(bad.headers.fields) <= 1000
