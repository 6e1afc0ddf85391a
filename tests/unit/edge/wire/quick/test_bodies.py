"""Bodies of a known length are read as mitmproxy reads them."""

from __future__ import annotations

from typing import Any

import pytest
from h11._readers import ChunkedReader, ContentLengthReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import connection
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import RequestData, ResponseData
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Connection, Http1Server
from mitmproxy.test import tflow

from weir.edge.wire.quick import bodies

CLIENT = connection.Client(peername=("192.0.2.1", 1), sockname=("192.0.2.2", 2), timestamp_start=0.0)


def reading(kind: Any, method: str, reader: Any) -> Any:
    """An HTTP/1 connection within a body."""
    made = kind.__new__(kind)
    made.conn, made.buf, made.body_reader, made.stream_id = CLIENT, ReceiveBuffer(), reader, 7
    made.request = tflow.treq(method=method.encode())
    made.response = None
    made.state = made.read_body
    made.debug, made._paused = None, None
    made.request_done = made.response_done = False
    return made


def heard(read: Any, one: Any, pieces: list[bytes], *, cut: bool) -> list[Any]:
    out: list[Any] = []
    all_of_them = [events.DataReceived(CLIENT, piece) for piece in pieces]
    for event in [*all_of_them, *([events.ConnectionClosed(CLIENT)] if cut else [])]:
        if one.request_done or one.response_done:
            break
        one.buf += getattr(event, "data", b"")
        for command in read(one, event):
            about = getattr(command, "event", None)
            data = about.data if isinstance(about, (RequestData, ResponseData)) else b""
            out.append((type(command).__name__, type(about).__name__, data))
    return [*out, bytes(one.buf), one.request_done, one.response_done]


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([Http1Server, Http1Client]),
    st.sampled_from(["POST", "CONNECT"]),
    st.integers(0, 12),
    st.lists(st.binary(max_size=6), max_size=5),
    st.booleans(),
)
def test_the_same_is_heard(kind: Any, method: str, length: int, pieces: list[bytes], cut: bool) -> None:
    mine, stock = (reading(kind, method, ContentLengthReader(length)) for _ in range(2))
    expected = heard(bodies._stock_read_body, stock, pieces, cut=cut)
    assert heard(bodies._read_body, mine, pieces, cut=cut) == expected


def test_a_chunked_body_is_mitmproxys(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def stock(self: Any, event: Any) -> Any:
        seen.append(event)
        yield from ()

    monkeypatch.setattr(bodies, "_stock_read_body", stock)
    one = reading(Http1Server, "POST", ChunkedReader())
    heard(bodies._read_body, one, [b"1\r\n"], cut=False)
    assert len(seen) == 1


def test_it_is_installed() -> None:
    assert Http1Connection.read_body is bodies._read_body
