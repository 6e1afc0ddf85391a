"""What two readers may read in two ways is malformed; what honest clients send is not."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tutils

from weir.edge.wire.wellformed import malformed, malformed_reply

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


def reply(*fields: tuple[bytes, bytes], **changes: Any) -> http.Response:
    return tutils.tresp(headers=http.Headers(fields), **changes)


@pytest.mark.parametrize("status", [200, 101, 204, 599, 999])
def test_honest_replies(status: int) -> None:
    fields = ((b"X-Odd", b"\xff\ttab and \x01"), (b"Content-Length", b"7"))
    given = reply(*fields, status_code=status)
    assert malformed_reply(given) == "" and given.headers.fields == fields


@pytest.mark.parametrize("status", [0, 42, 100, 103, 199, 1000])
def test_a_reply_that_is_none(status: int) -> None:
    assert malformed_reply(reply(status_code=status)) == "malformed reply"


@pytest.mark.parametrize("fields", [((b"a b", b"c"),), ((b"Content-Length", b"5"),) * 2])
def test_a_reply_with_a_bad_head(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    assert malformed_reply(reply(*fields)) == "malformed reply"


@pytest.mark.parametrize(
    ("sent", "read"),
    [(b"a\r\n b", b"a b"), (b"a\rX-B: c", b"a X-B: c"), (b"a\0b", b"a b"), (b"a \r\n\t b\n c", b"a b c")],
)
def test_line_breaks_in_a_reply_become_spaces(sent: bytes, read: bytes) -> None:
    given = reply((b"X-A", sent), (b"X-C", b"d"), reason=sent)
    assert malformed_reply(given) == ""
    assert given.headers.fields == ((b"X-A", read), (b"X-C", b"d")) and given.data.reason == read
