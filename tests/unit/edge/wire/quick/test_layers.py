"""Layers pause, queue and go on as mitmproxy's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import connection, options
from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.commands import Log

from weir.edge.wire.quick import layers

Handler = Callable[[layer.Layer, events.Event], Any]


def fresh() -> context.Context:
    client = connection.Client(peername=("192.0.2.1", 1), sockname=("192.0.2.2", 2), timestamp_start=0.0)
    return context.Context(client, options.Options())


class Talker(layer.Layer):
    """Says what it got, waits for a connection when told to, and says what came of it."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        said = event.data.decode()  # type: ignore[attr-defined]
        yield Log(f"got {said}")
        if "wait" in said:
            for _ in range(said.count("wait")):
                answer = yield commands.OpenConnection(self.context.server)
                yield Log(f"{said}: {answer}")
        if "nothing" not in said:
            yield Log(f"end {said}")


def play(handle: Handler, script: list[str]) -> list[str]:
    """Send the script's words as data, `!` as the completion of what is waited for; what came out, in order."""
    talker = Talker(fresh())
    out: list[str] = []
    waits: list[commands.OpenConnection] = []
    for word in script:
        event: events.Event = events.DataReceived(talker.context.client, word.encode())
        if word.startswith("!"):
            event = events.OpenConnectionCompleted(waits.pop(0), word)
        for command in handle(talker, event):
            if isinstance(command, commands.OpenConnection):
                assert command.blocking is talker
                waits.append(command)
            out.append(command.message if isinstance(command, Log) else type(command).__name__)
    return [*out, f"{len(talker._paused_event_queue)} queued, {'paused' if talker._paused else 'free'}"]


@pytest.mark.parametrize(
    "script",
    [
        ["a", "b"],
        ["wait", "b", "c", "!1", "d"],
        ["wait", "wait too", "b", "!1", "!2"],
        ["waitwait", "b", "!1", "c", "!2"],
        ["wait nothing", "nothing", "!", "wait nothing", "!"],
        ["wait", "wait", "wait", "!1", "!2"],
    ],
)
def test_the_order_of_commands_is_mitmproxys(script: list[str]) -> None:
    assert play(layers._handle_event, script) == play(layers._stock_handle_event, script)


def test_a_layer_that_is_debugged_says_so() -> None:
    talker = Talker(fresh())
    talker.debug = "  "
    said = [c.message for c in talker.handle_event(events.DataReceived(talker.context.client, b"a"))]  # type: ignore[attr-defined]
    assert any(">> DataReceived" in line for line in said)


def test_a_fork_shares_connections_and_has_layers_of_its_own() -> None:
    whole = fresh()
    Talker(whole)
    fork = whole.fork()
    assert (fork.client, fork.server, fork.options) == (whole.client, whole.server, whole.options)
    assert fork.layers == whole.layers and fork.layers is not whole.layers
    assert vars(fork).keys() == vars(whole).keys()


def test_connections_are_the_same_by_their_identity() -> None:
    one, other = fresh().client, fresh().client
    twin = connection.Client.from_state(one.get_state())
    assert one == one and one == twin and one != other and one != one.id and hash(one) == hash(twin)
