"""No connection ends without a record: metered, pinned, failed, refused, or empty."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection, tls
from mitmproxy.proxy import context, layer
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from harness.rig import Rig, mitmproxy
from weir.edge.connections import Connections
from weir.edge.trace import Link, link_of
from weir.edge.wire.meter import MeteredTCPLayer


@pytest.fixture
def connections(rig: Rig) -> Connections:
    return rig.addon("connections")  # type: ignore[no-any-return]


@pytest.fixture
def client() -> connection.Client:
    found = tflow.tclient_conn()
    found.timestamp_start = 0
    return found


def begun(connections: Connections, client: connection.Client, sni: str = "shop.example") -> Link:
    link = link_of(client)
    link.host = link.sni = sni
    link.metered, link.meter_reason = True, "uncatalogued"
    data: Any = SimpleNamespace(context=SimpleNamespace(client=client), ignore_connection=True)
    connections.tls_clienthello(data)
    return link


def test_a_metered_connection_has_two_records(rig: Rig, connections: Connections, client: connection.Client) -> None:
    link = begun(connections, client)
    link.bytes_up, link.bytes_down = 11, 22
    connections.client_disconnected(client)
    first, last = rig.records
    assert [(r.kind, r.inspection, r.inspection_reason) for r in rig.records] == [
        ("request", "metered", "uncatalogued"), ("meter", "metered", "uncatalogued"),
    ]  # fmt: skip
    assert first.exchange_id == last.exchange_id and (last.req_bytes, last.resp_bytes) == (11, 22)
    assert first.duration_us is None and last.duration_us is not None and last.ts_end is not None
    connections.client_disconnected(client)
    assert len(rig.records) == 2


def test_an_excluded_ai_service_is_named(rig: Rig, connections: Connections, client: connection.Client) -> None:
    begun(connections, client, "chat.deepseek.com")
    assert (rig.records[0].service, rig.records[0].service_status) == ("deepseek-web", "unsanctioned")


def test_a_relay_begins_when_its_layer_is_chosen(rig: Rig, connections: Connections, client: connection.Client) -> None:
    with mitmproxy() as found:
        where = context.Context(client, found.options)
    chosen = layer.NextLayer(where)
    connections.next_layer(chosen)
    assert not rig.records
    chosen.layer = MeteredTCPLayer(where)
    connections.next_layer(chosen)
    connections.next_layer(chosen)
    assert [(r.kind, r.inspection_reason) for r in rig.records] == [("request", "not HTTP")]


def test_a_relay_that_nobody_has_named_is_recorded_with_its_address(
    rig: Rig, connections: Connections, client: connection.Client
) -> None:
    """SOCKS, the redirect and WireGuard give weir an address; without TLS and HTTP nobody says more."""
    with mitmproxy() as found:
        where = context.Context(client, found.options)
    where.server.address = ("203.0.113.9", 443)
    chosen = layer.NextLayer(where)
    chosen.layer = MeteredTCPLayer(where)
    connections.next_layer(chosen)
    assert [(r.kind, r.host, r.port) for r in rig.records] == [("request", "203.0.113.9", 443)]


@pytest.mark.parametrize(("mode", "told"), [("transparent", ("203.0.113.9", 443)), ("regular", ("", None))])
def test_what_was_no_request_is_recorded_with_where_it_was_led_from(
    mode: str, told: tuple[str, int | None], rig: Rig, connections: Connections, client: connection.Client
) -> None:
    client.proxy_mode, client.sockname = ProxyMode.parse(mode), ("203.0.113.9", 443)
    link_of(client).broken = "malformed request"
    connections.client_disconnected(client)
    assert [(r.kind, r.host, r.port) for r in rig.records] == [("error", *told)]


@pytest.mark.parametrize(
    ("error", "inspection"),
    [
        ("The client does not trust the proxy's certificate: unknown ca", "pinned"),
        ("('SSL routines', '', 'sslv3 alert bad certificate')", "pinned"),
        ("The client disconnected during the handshake.", "failed"),
        (None, "failed"),
    ],
)
def test_handshakes_that_fail(
    rig: Rig, connections: Connections, client: connection.Client, error: str | None, inspection: str
) -> None:
    link_of(client).sni = "api.openai.com"
    conn: Any = SimpleNamespace(error=error)
    data: Any = tls.TlsData(conn, SimpleNamespace(client=client))  # type: ignore[arg-type]
    connections.tls_failed_client(data)
    connections.client_disconnected(client)
    assert [(r.kind, r.inspection, r.host) for r in rig.records] == [("error", inspection, "api.openai.com")]


@pytest.mark.parametrize(
    ("host", "failed", "exchanges", "reasons"),
    [
        ("", "", 0, []),  # a port scan that said nothing
        ("api.openai.com", "", 0, ["no request was made"]),
        ("api.openai.com", "", 3, []),  # its exchanges have records of their own
        ("", "begin.client_connected: KeyError", 0, ["begin.client_connected: KeyError"]),
    ],
)
def test_connections_without_a_meter(
    rig: Rig, connections: Connections, client: connection.Client, host: str, failed: str, exchanges: int, reasons: Any
) -> None:
    link = link_of(client)
    link.host, link.failed, link.exchanges = host, failed, exchanges
    connections.client_disconnected(client)
    assert [r.inspection_reason for r in rig.records] == reasons
    assert all((r.kind, r.inspection) == ("error", "failed") for r in rig.records)


def test_a_refused_connection_does_not_begin_to_pass(
    rig: Rig, connections: Connections, client: connection.Client
) -> None:
    link_of(client).refused = True
    begun(connections, client)
    assert not rig.records


def test_the_end_of_the_process_ends_them_all(rig: Rig, connections: Connections, client: connection.Client) -> None:
    begun(connections, client)
    connections.close_all()
    assert [r.kind for r in rig.records if r.host == "shop.example"] == ["request", "meter"]
    connections.client_disconnected(client)
    assert len([r for r in rig.records if r.host == "shop.example"]) == 2
