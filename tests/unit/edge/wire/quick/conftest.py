from __future__ import annotations

from typing import Any

import mitmproxy.proxy.layers.http as http_layers
import pytest
from mitmproxy import connection, flow, http
from mitmproxy.net.http import http1
from mitmproxy.net.http.http1 import read
from mitmproxy.proxy import context, layer
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import _http1

from weir.edge.wire import quick

REPLACED: list[tuple[Any, str]] = [
    *[(http.Headers, n) for n in ("__init__", "get_all", "get", "__getitem__", "__contains__", "__delitem__")],
    (context.Context, "fork"),
    (connection.Connection, "__eq__"),
    (layer.Layer, "handle_event"),
    (http1, "expected_http_body_size"),
    (http1, "connection_close"),
    (http_layers, "validate_headers"),
    (http_layers, "Http1Server"),
    (http_layers, "Http1Client"),
    (_http1.Http1Connection, "read_body"),
    (read, "raise_if_http_version_unknown"),
    (flow, "uuid"),
    *[(tls.TLSLayer, n) for n in ("tls_interact", "receive_data", "send_data")],
]


@pytest.fixture(autouse=True)
def quickened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick ways are in place, for one test."""
    for holder, name in REPLACED:
        monkeypatch.setattr(holder, name, getattr(holder, name))
    quick.install()
