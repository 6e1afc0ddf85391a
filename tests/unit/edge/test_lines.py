"""Reading one header agrees with mitmproxy's own reading."""

from __future__ import annotations

import pytest
from mitmproxy import http

from weir.edge.lines import line_of


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ((b"content-type", b"text/plain"),),
        ((b"Content-Type", b"a"), (b"x", b"y"), (b"CONTENT-TYPE", b"b")),
        ((b"content-type", b""),),
        ((b"content-type", b"caf\xc3\xa9 \xff"),),
        ((b"content-typo", b"a"), (b"\xff", b"b")),
    ],
)
def test_as_mitmproxy_reads_it(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    message = http.Response.make(200, b"", http.Headers(fields))
    assert line_of(message, b"content-type") == message.headers.get("content-type", "")
