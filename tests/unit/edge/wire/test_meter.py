"""Undecrypted connections: counted both ways, kept nowhere, and closed where they may not pass."""

from __future__ import annotations

from typing import Any

import mitmproxy.proxy.layers as layers
import mitmproxy.proxy.layers.tcp as tcp_layers
import pytest
from mitmproxy import connection
from mitmproxy.proxy import commands, context, events
from mitmproxy.test import tflow

from harness.rig import mitmproxy
from weir.edge.trace import link_of
from weir.edge.wire import meter
from weir.edge.wire.meter import MeteredTCPLayer


@pytest.fixture
def where() -> context.Context:
    client = tflow.tclient_conn()
    with mitmproxy() as found:
        made = context.Context(client, found.options)
    made.server = connection.Server(address=("shop.example", 443))
    made.server.state, made.server.timestamp_start = connection.ConnectionState.OPEN, 1
    return made


def sent(layer: Any, event: events.Event) -> list[tuple[str, bytes]]:
    found = []
    for command in layer.handle_event(event):
        assert not isinstance(command, commands.StartHook)  # no hook, so no flow is kept
        if isinstance(command, commands.SendData):
            to = "up" if command.connection is layer.context.server else "down"
            found.append((to, command.data))
    return found


def test_bytes_pass_and_are_counted(where: context.Context) -> None:
    layer = MeteredTCPLayer(where, ignore=True)
    assert sent(layer, events.Start()) == []
    assert sent(layer, events.DataReceived(where.client, b"12345")) == [("up", b"12345")]
    assert sent(layer, events.DataReceived(where.server, b"123")) == [("down", b"123")]
    assert sent(layer, events.DataReceived(where.client, b"6")) == [("up", b"6")]
    link = link_of(where.client)
    assert (link.bytes_up, link.bytes_down, link.metered) == (6, 3, True)
    assert layer.flow is None


@pytest.mark.parametrize("side", ["client", "server"])
def test_what_a_new_policy_has_overtaken_ends_with_its_next_byte(where: context.Context, side: str) -> None:
    layer = MeteredTCPLayer(where, ignore=True)
    assert sent(layer, events.Start()) == []
    link_of(where.client).overtaken = True
    closed = list(layer.handle_event(events.DataReceived(getattr(where, side), b"12345")))
    assert [type(command) for command in closed] == [commands.CloseConnection] * 2
    assert sent(layer, events.DataReceived(where.client, b"6")) == [] and link_of(where.client).bytes_up == 0


@pytest.mark.parametrize(
    ("ignore", "before", "reason"),
    [(True, "", "not intercepted"), (False, "", "not HTTP"), (True, "excluded", "excluded")],
)
def test_why_it_is_not_looked_into(where: context.Context, ignore: bool, before: str, reason: str) -> None:
    link_of(where.client).meter_reason = before
    MeteredTCPLayer(where, ignore=ignore)
    assert link_of(where.client).meter_reason == reason


def test_a_refused_connection_is_closed_before_a_byte_goes_up(where: context.Context) -> None:
    link_of(where.client).refused = True
    layer = MeteredTCPLayer(where, ignore=True)
    made = list(layer.handle_event(events.Start()))
    assert [type(c) for c in made] == [commands.CloseConnection] and made[0].connection is where.client  # type: ignore[attr-defined]
    assert sent(layer, events.DataReceived(where.client, b"12345")) == []


@pytest.mark.usefixtures("put_back")
def test_install_replaces_both_names() -> None:
    meter.install()
    meter.install()
    assert layers.TCPLayer is tcp_layers.TCPLayer is MeteredTCPLayer


def test_the_rhythm_of_what_passes_is_heard(where: context.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("weir.edge.wire.meter.time.monotonic", lambda: now[0])
    layer = MeteredTCPLayer(where, ignore=True)
    link = link_of(where.client)
    assert link.hint == ""
    list(layer.handle_event(events.Start()))
    layer._handle_event = layer.relay_messages  # type: ignore[method-assign]
    for source, size in ((where.client, 500), (where.server, 3000), (where.client, 2000)):  # a handshake, a request
        list(layer.handle_event(events.DataReceived(source, b"x" * size)))
    for number in range(120):
        now[0] += 0.02 + 0.03 * (number % 3)
        list(layer.handle_event(events.DataReceived(where.server, b"y" * 150)))
    assert "120 small pieces" in link.hint
