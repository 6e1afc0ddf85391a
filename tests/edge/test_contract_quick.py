"""The functions of mitmproxy that `edge/wire/quick` stands in for. One that changes has to be looked at again."""

from __future__ import annotations

import hashlib

import pytest

from harness.written import written

STOOD_IN_FOR = {
    "mitmproxy.coretypes.multidict": [
        "_MultiDict.__getitem__", "_MultiDict.__delitem__", "_MultiDict.get_all", "MultiDict.__init__",
    ],
    "mitmproxy.http": [
        "Headers.__init__", "Headers._reduce_values", "Headers._kconv", "Headers.__delitem__", "Headers.get_all",
        "_native", "_always_bytes",
    ],
    "mitmproxy.proxy.context": ["Context.__init__", "Context.fork"],
    "mitmproxy.connection": ["Connection.__eq__", "Connection.__hash__"],
    "mitmproxy.proxy.layer": ["Layer.handle_event", "Layer.__process", "Layer.__continue", "NextLayer.handle_event"],
    "mitmproxy.net.http.http1.read": [
        "expected_http_body_size", "connection_close", "get_header_tokens", "raise_if_http_version_unknown",
    ],
    "mitmproxy.net.http.validate": ["validate_headers", "parse_content_length"],
    "mitmproxy.proxy.layers.tls": [
        "TLSLayer.tls_interact", "TLSLayer.receive_data", "TLSLayer.send_data",
        "TLSLayer.send_close", "ServerTLSLayer.event_to_child",
    ],
    "mitmproxy.proxy.layers.http": [
        "HttpStream.passthrough", "HttpStream.flow_done", "HttpLayer._handle_event", "HttpLayer.event_to_child",
        "HttpLayer.make_stream", "HttpLayer.get_connection", "HttpLayer.register_connection",
        "HttpClient._handle_event",
    ],
    "mitmproxy.proxy.layers.http._http1": [
        "Http1Connection._handle_event", "Http1Connection.passthrough", "Http1Server.send",
        "Http1Connection.read_body",
    ],
    "mitmproxy.proxy.tunnel": [
        "TunnelLayer._handle_event", "TunnelLayer._handle_command", "TunnelLayer.event_to_child",
        "TunnelLayer.send_close",
    ],
    "h11._readers": ["ContentLengthReader.__call__", "ContentLengthReader.read_eof"],
    "mitmproxy.proxy.layers.modes": ["HttpProxy._handle_event"],
    "mitmproxy.hooks": ["Hook.args"],
    "OpenSSL.SSL": [
        "Connection.recv", "Connection.sendall", "Connection.bio_read", "Connection._raise_ssl_error",
        "Connection.bio_write",
        "Connection._handle_bio_errors",
    ],
}  # fmt: skip

DIGESTS = {
    "mitmproxy.coretypes.multidict": "4c972221fda19d82",
    "mitmproxy.http": "758e7fdde69f5022",
    "mitmproxy.proxy.context": "f3cb5377351ef50e",
    "mitmproxy.connection": "26d5919d95e216e8",
    "mitmproxy.proxy.layer": "149f3b6d78133bc1",
    "mitmproxy.net.http.http1.read": "230daf81c63bdc3e",
    "mitmproxy.net.http.validate": "ef313ef9fbe6bdae",
    "mitmproxy.proxy.layers.tls": "741057ac65dfc289",
    "mitmproxy.proxy.layers.http": "aadf804be0e2173b",
    "mitmproxy.proxy.layers.http._http1": "a421763821d95c58",
    "mitmproxy.proxy.tunnel": "45785f9ca3d654d4",
    "h11._readers": "8458cb4a907b5ea2",
    "mitmproxy.proxy.layers.modes": "bd47f20c31e7fcfc",
    "mitmproxy.hooks": "0bb2aa00ffb73e90",
    "OpenSSL.SSL": "f924a8fbc1f1c48c",
}


def digest(module: str, names: list[str]) -> str:
    return hashlib.sha256("\n".join(written(module, name) for name in names).encode()).hexdigest()[:16]


@pytest.mark.parametrize("module", STOOD_IN_FOR)
def test_the_code_is_the_one_that_was_read(module: str) -> None:
    assert digest(module, STOOD_IN_FOR[module]) == DIGESTS[module]
