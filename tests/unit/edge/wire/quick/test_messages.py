"""What is asked of messages gets mitmproxy's answers, errors included."""

from __future__ import annotations

import uuid
from typing import Any

import mitmproxy.proxy.layers.http as http_layers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.net.http import http1

from weir.edge.wire.quick import messages

NAMES = st.sampled_from(
    [
        b"Content-Length",
        b"content-length",
        b"Transfer-Encoding",
        b"Connection",
        b"connection",
        b"Host",
        b"bad name",
        b"",
    ]
)
VALUES = st.sampled_from(
    [b"", b"0", b"12", b"012", b"-1", b"1, 1", b"5\n", "٣".encode(), b"9" * 19, b"9" * 5000, b"chunked", b"gzip",
     b"keep-alive", b"close", b"Close", b"close, x", b"x"]
)  # fmt: skip
STATUSES = st.sampled_from([100, 101, 200, 204, 304, 500])
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=3)


def told(what: Any, *arguments: Any) -> tuple[str, Any]:
    try:
        return "got", what(*arguments)
    except ValueError as error:
        return "raised", str(error)


def request(method: str, fields: list[tuple[bytes, bytes]], version: bytes = b"HTTP/1.1") -> http.Request:
    made = http.Request.make(method, "http://a.example/")
    made.data.headers, made.data.http_version = http.Headers(fields), version
    return made


def test_they_are_where_mitmproxy_looks() -> None:
    assert http1.expected_http_body_size is messages._size
    assert http1.connection_close is messages._close
    assert http_layers.validate_headers is messages._validate


@settings(max_examples=50, deadline=None)
@given(FIELDS, FIELDS, st.sampled_from(["GET", "POST", "HEAD", "CONNECT", "PATCH", "get"]),
       STATUSES, st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"]))  # fmt: skip
def test_lengths_ends_and_fields(
    asked: list[tuple[bytes, bytes]], said: list[tuple[bytes, bytes]], method: str, status: int, version: bytes
) -> None:
    one, other = request(method, asked, version), http.Response.make(status)
    other.data.headers, other.data.http_version = http.Headers(said), version
    assert told(messages._size, one) == told(messages._stock_size, one)
    assert told(messages._size, one, other) == told(messages._stock_size, one, other)
    for message in (one, other):
        ends = message.http_version, message.headers
        assert told(messages._close, *ends) == told(messages._stock_close, *ends)
        for _ in range(2):  # the second time its names are known
            assert told(messages._validate, message) == told(messages._stock_validate, message)


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/11", b"", b"HTTP/1.1\n"])
def test_versions(version: bytes) -> None:
    assert told(messages._version, version) == told(messages._stock_version, version)


def test_names_of_traffic_are_not_kept_for_ever() -> None:
    for number in range(messages._NAMES_MAX + 100):
        messages._validate(request("GET", [(b"x-%d" % number, b"")]))
    messages._validate(request("GET", [(b"x" * (messages._NAME_MAX + 1), b"")]))
    assert len(messages._names) <= messages._NAMES_MAX
    assert max(map(len, messages._names)) <= messages._NAME_MAX


def test_a_flows_identity_is_a_random_uuid() -> None:
    several = {http.HTTPFlow(None, None).id for _ in range(200)}  # type: ignore[arg-type]
    assert len(several) == 200
    for one in several:
        read = uuid.UUID(one)
        assert str(read) == one and read.version == 4 and read.variant == uuid.RFC_4122
