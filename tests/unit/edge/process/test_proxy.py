"""The Master and what it is made of: plain options, a log without foreign words, and no relay by accident."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import mitmproxy.proxy.layers as layers
import mitmproxy.proxy.layers.http as http_layers
import pytest
from mitmproxy import connection
from mitmproxy.addons import next_layer
from mitmproxy.options import Options
from mitmproxy.proxy import context, layer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.test import tflow

import harness.rig
from weir.edge.process.proxy import PlainOptions, StartErrors, WeirMaster, WeirNextLayer, options_for
from weir.edge.trace import link_of
from weir.edge.wire import meter


def test_plain_options_say_what_options_say() -> None:
    ours, theirs = PlainOptions(), Options()
    assert set(ours.keys()) == set(theirs.keys())
    for name in theirs.keys():  # noqa: SIM118
        assert getattr(ours, name) == getattr(theirs, name), name
    for options in (ours, theirs):
        options.update(listen_port=1234, mode=["socks5"])
        options.update_known(no_such_option=1)
        assert (options.listen_port, options.mode) == (1234, ["socks5"])
        with pytest.raises(AttributeError):
            _ = options.no_such_option
    ours.mode.append("regular")
    assert ours.mode == ["socks5"]  # what can be changed is still a copy


def test_the_options_of_a_proxy() -> None:
    options, late = options_for(["regular", "socks5"], "127.0.0.1", 0, "/run", "/run/roots.pem")
    assert (options.mode, options.listen_host, options.listen_port) == (["regular", "socks5"], "127.0.0.1", 0)
    assert options.ssl_verify_upstream_trusted_ca == "/run/roots.pem"
    assert late == {"connection_strategy": "lazy", "validate_inbound_headers": True}
    assert not options.ssl_insecure


DECRYPTED = "api.openai.com"
SHORT = [b"\x16", b"\x16\x03\x01\x00", b"G", b"POST"]


@pytest.fixture
def chooser(put_back: None) -> Iterator[WeirNextLayer]:
    meter.install()
    found = WeirNextLayer(lambda host: host == DECRYPTED)
    with harness.rig.mitmproxy(found) as tctx:
        found.configure({"tcp_hosts", "udp_hosts", "allow_hosts"})  # type: ignore[no-untyped-call]
        found.options = tctx.options  # type: ignore[attr-defined]
        yield found


def tunnel(chooser: Any, host: str) -> context.Context:
    client = tflow.tclient_conn()
    client.tls, client.sni, client.alpn = False, None, None
    where = context.Context(client, chooser.options)
    where.server = connection.Server(address=(host, 443))
    outer = http_layers.HttpLayer(where, HTTPMode.regular)
    where.layers = [modes.HttpProxy(where), outer, http_layers.HttpStream(where, 1)]
    return where


@pytest.mark.parametrize("data", SHORT)
def test_a_slow_start_to_a_decrypted_host_is_waited_for(chooser: WeirNextLayer, data: bytes) -> None:
    with pytest.raises(next_layer.NeedsMoreData):
        chooser._next_layer(tunnel(chooser, DECRYPTED), data, b"")


@pytest.mark.parametrize("data", [b"\x16", b"\x16\x03", b"\x15", b"G", b"POST", b"PROPPATCH"])
def test_a_start_that_may_be_tls_or_a_request_is_waited_for_wherever_it_goes(
    data: bytes, chooser: WeirNextLayer
) -> None:
    """To an address goes anything: two bytes of a ClientHello, and then the rest, would pass with a name unread."""
    with pytest.raises(next_layer.NeedsMoreData):
        chooser._next_layer(tunnel(chooser, "203.0.113.9"), data, b"")


@pytest.mark.parametrize("data", [b"\x16\x04", b"\x13\x03", b"\0", b"*1", b"EHLO\n", b"AUTH-x", b"A" * 16])
def test_a_start_that_is_neither_is_relayed_at_once(data: bytes, chooser: WeirNextLayer) -> None:
    assert isinstance(chooser._next_layer(tunnel(chooser, "203.0.113.9"), data, b""), meter.MeteredTCPLayer)


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x04", b"\x16\x03\x7f", b"\x15\x03\x01\0\2\1\x5a\x16\x03\x01", b"\x14\x03\x03"]
)
def test_tls_that_servers_read_and_weir_does_not_goes_nowhere(data: bytes, chooser: WeirNextLayer) -> None:
    where = tunnel(chooser, "203.0.113.9")
    assert isinstance(chooser._next_layer(where, data + bytes(40), b""), meter.MeteredTCPLayer)
    link = link_of(where.client)
    assert (link.refused, link.metered, link.failed) == (True, False, "TLS that begins as no client's does")


@pytest.mark.parametrize(("sni", "refused"), [(DECRYPTED, True), ("shop.example", False)])
def test_within_tls_the_name_counts_that_it_was_opened_with(sni: str, refused: bool, chooser: WeirNextLayer) -> None:
    """In transparent mode, and after a CONNECT to an address, the connection's own end says nothing of the host."""
    where = tunnel(chooser, "203.0.113.9")
    where.client.sni = sni
    chosen = chooser._next_layer(where, b"\r\nPOST /v1/chat/completions HTTP/1.1\r\n", b"")
    assert isinstance(chosen, meter.MeteredTCPLayer)
    link = link_of(where.client)
    assert (link.refused, link.failed != "") == (refused, refused)
    if refused:
        with pytest.raises(next_layer.NeedsMoreData):
            chooser._next_layer(where, b"P\r", b"")


def test_a_client_hello_is_still_tls(chooser: WeirNextLayer) -> None:
    where = tunnel(chooser, DECRYPTED)
    chosen = chooser._next_layer(where, b"\x16\x03\x01\x00\x05\x01", b"")
    assert isinstance(chosen, layers.ServerTLSLayer | layers.ClientTLSLayer)
    assert not link_of(where.client).refused


@pytest.mark.parametrize("port", [443, 53])
@pytest.mark.parametrize(("host", "refused"), [(DECRYPTED, True), ("shop.example", False)])
def test_what_is_neither_tls_nor_http(chooser: WeirNextLayer, host: str, refused: bool, port: int) -> None:
    where = tunnel(chooser, host)
    where.server = connection.Server(address=(host, port))
    chosen = chooser._next_layer(where, b"\x00\x01\x02\x03\x04\x05\x06", b"")
    assert isinstance(chosen, meter.MeteredTCPLayer)
    link = link_of(where.client)
    assert (link.refused, link.metered) == (refused, not refused)
    assert link.failed == ("neither TLS nor HTTP to a host that is decrypted" if refused else "")


def test_a_failure_to_choose_closes_the_connection(chooser: WeirNextLayer) -> None:
    def broken(host: str) -> bool:
        raise KeyError(host)

    chooser.must_decrypt = broken
    where = tunnel(chooser, DECRYPTED)
    asked = layer.NextLayer(where)
    asked.events = []
    chooser.next_layer(asked)
    link = link_of(where.client)
    assert link.failed == "nextlayer.next_layer: KeyError" and link.refused and not link.metered
    assert isinstance(asked.layer, meter.MeteredTCPLayer)


@pytest.mark.usefixtures("put_back")
def test_the_master_has_what_a_proxy_needs_and_no_more() -> None:
    class Addon:
        def __init__(self, name: str) -> None:
            self.name = name

    async def main() -> list[str]:
        options, _ = options_for(["regular"], "127.0.0.1", 0, "", "")
        master = WeirMaster(options, [Addon("first")], Addon("tlsconfig"), Addon("nextlayer"), [Addon("rest")])
        return [getattr(a, "name", type(a).__name__.lower()) for a in master.addons.chain]

    assert asyncio.run(main()) == [
        "first", "core", "proxyserver", "nextlayer", "tlsconfig", "disableh2c", "errorcheck", "rest",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("who", "ends"), [("mitmproxy.addons.proxyserver", True), ("weir", False), ("weir.audit", False)]
)
def test_only_what_mitmproxy_logs_as_an_error_ends_the_start(who: str, ends: bool) -> None:
    async def main() -> None:
        check = StartErrors()
        try:
            logging.getLogger(who).error("said on purpose")
            await check.shutdown_if_errored()
        finally:
            check.finish()

    with pytest.raises(SystemExit) if ends else contextlib.nullcontext():
        asyncio.run(main())
