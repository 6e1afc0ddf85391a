"""The internals of mitmproxy 12.2.3 that weir builds on. When one of these fails, an upgrade changed the ground."""

from __future__ import annotations

import inspect

import mitmproxy.proxy.layers.http as http_layers
from mitmproxy import addonmanager, version
from mitmproxy.addons import next_layer, proxyserver, tlsconfig
from mitmproxy.proxy import server
from mitmproxy.proxy.layers import tcp, tls, websocket
from mitmproxy.proxy.layers.http import _http2

from harness.written import written


def test_version_is_the_one_we_read() -> None:
    assert version.VERSION == "12.2.3"


def test_http_stream_is_looked_up_in_its_module() -> None:
    assert "HttpStream(ctx, stream_id)" in inspect.getsource(http_layers.HttpLayer.make_stream)


def test_http1_server_is_looked_up_in_the_module_that_makes_connections() -> None:
    assert "Http1Server(self.context.fork())" in inspect.getsource(http_layers.HttpLayer)
    source = inspect.getsource(http_layers.Http1Server.read_headers)
    assert "self.state = self.done" in source and "maybe_extract_lines" in source


def test_the_websocket_layer_is_looked_up_in_its_module() -> None:
    assert "websocket.WebsocketLayer(self.context, self.flow)" in inspect.getsource(http_layers.HttpStream)
    assert http_layers.websocket is websocket
    source = inspect.getsource(websocket.WebsocketLayer)
    assert "self._handle_event = self.relay_messages" in source and "src_ws.frame_buf" in source


def test_ignored_connections_get_their_layer_from_the_tcp_module() -> None:
    assert "tcp.TCPLayer(self.context, ignore=True)" in inspect.getsource(tls.ClientTLSLayer.receive_handshake_data)
    assert tls.tcp is tcp


def test_a_raising_hook_is_logged_and_swallowed() -> None:
    source = inspect.getsource(addonmanager.safecall)
    assert "except Exception" in source and "raise" in source.split("except Exception")[0]


def test_next_layer_defers_by_exception() -> None:
    assert issubclass(next_layer.NeedsMoreData, Exception)
    assert list(inspect.signature(next_layer.NextLayer._next_layer).parameters) == [
        "self", "context", "data_client", "data_server",
    ]  # fmt: skip


def test_connections_are_found_for_reuse_by_address() -> None:
    source = inspect.getsource(http_layers.GetHttpConnection.connection_spec_matches)
    assert "self.address == connection.address" in source


def test_upstream_connections_per_address_are_a_semaphore_per_handler() -> None:
    assert "self.max_conns = collections.defaultdict" in inspect.getsource(server.ConnectionHandler.__init__)
    assert "connections" in proxyserver.Proxyserver.__annotations__


def test_the_leaf_comes_from_get_cert() -> None:
    source = inspect.getsource(tlsconfig.TlsConfig.tls_start_client)
    assert "self.get_cert(tls_start.context)" in source and "self.certstore.dhparams" in source


def test_states_we_override_exist() -> None:
    for name in (
        "check_body_size", "state_consume_request_body", "make_server_connection", "state_wait_for_response_headers",
        "state_stream_response_body", "start_response_stream", "send_response", "check_killed", "check_invalid",
    ):  # fmt: skip
        assert callable(getattr(http_layers.HttpStream, name)), name


def test_what_another_attempt_relies_on() -> None:
    """A stream whose place failed leaves its connection, waits no more for one, and is sent again."""
    layer_source = written("mitmproxy.proxy.layers.http", "HttpLayer")
    assert "stream = self.command_sources.pop(event.command)" in layer_source
    assert "waiting = self.waiting_for_establishment.pop(command.connection)" in layer_source
    assert "except KeyError:" in written("mitmproxy.proxy.layers.http", "HttpLayer.event_to_child")
    h2_source = inspect.getsource(_http2.Http2Client)
    for name in ("self.our_stream_id.get(event.stream_id", "self.their_stream_id[cmd.event.stream_id]", "stream_queue"):
        assert name in h2_source
    assert "for stream_id in self.streams" in inspect.getsource(_http2.Http2Client.close_connection)
    assert "self.child_layer" in inspect.getsource(http_layers.HttpClient)
    assert "self.wakeup_timer.discard(task)" in inspect.getsource(server.ConnectionHandler.wakeup)
    assert "_paused.command" in written("mitmproxy.proxy.layer", "Layer.handle_event")
