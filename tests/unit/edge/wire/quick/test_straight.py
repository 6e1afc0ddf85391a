"""The way past TLS and HTTP layers does what they do: the same traffic is played through them and past them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import tls as tls_layers

from harness.tunnelled import CHUNKED, Traffic, chunk, lazily, post, refuse, reply
from weir.edge.wire.quick.straight import Straight, straight_of

STEPS: dict[str, list[tuple[str, bytes]]] = {
    "plain": [("says", post(b"hello")), ("answers", reply(b"hi")), ("says", post(b"2")), ("answers", reply(b"two"))],
    "in pieces": [
        ("says", post(b"hello")[:20]), ("says", post(b"hello")[20:-3]), ("says", b"llo"), ("answers", reply(b"hi")[:9]),
        ("answers", reply(b"hi")[9:-1]), ("answers", b"i"),
    ],
    "large": [("says", post(b"q" * 300_000)), ("answers", reply(b"a" * 200_000))],
    "stream": [
        ("says", post(b"s")), ("answers", CHUNKED + chunk(b"one")), ("answers", chunk(b"two")),
        ("answers", chunk(b"three") + chunk(b"four")), ("answers", b"0\r\n\r\n"), ("says", post(b"after")),
    ],
    "ahead of its turn": [("says", post(b"1") + post(b"2")), ("answers", reply(b"one")), ("answers", reply(b"two"))],
    "no body": [("says", b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), ("answers", reply(b""))],
    "refused": [("says", post(b"no", b"X-Refuse: 1\r\n")), ("says", post(b"yes")), ("answers", reply(b"fine"))],
    "last": [("says", post(b"x", b"Connection: close\r\n")), ("answers", reply(b"bye"))],
    "server goes": [("says", post(b"x")), ("answers", reply(b"y", b"Connection: close\r\n")), ("says", post(b"z"))],
    "malformed": [("says", post(b"x")), ("answers", reply(b"y")), ("says", b"GET /\r\n\r\n")],
    "malformed reply": [("says", post(b"x")), ("answers", b"what?\r\n\r\n")],
    "client ends": [("says", post(b"x")), ("ends", b""), ("answers", reply(b"y"))],
    "server ends": [("says", post(b"x")), ("cuts", b""), ("says", post(b"y")), ("answers", reply(b"late"))],
}  # fmt: skip


def run(traffic: Traffic, steps: list[tuple[str, bytes]]) -> list[Any]:
    out: list[Any] = []
    for what, data in steps:
        if what == "ends":
            traffic.browser.shutdown()
            traffic.hear(traffic.browser, traffic.client)
        elif what == "cuts":
            whose = list(traffic.servers)[-1]
            whose.state = connection.ConnectionState.CAN_WRITE
            traffic.play(events.ConnectionClosed(whose))
        else:
            getattr(traffic, what)(data)
        out += [traffic.read(), list(traffic.saw), traffic.tables(), str(traffic.client.state)]
        traffic.saw.clear()
    return out


@pytest.fixture
def opts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(http_layers, "HttpStream", http_layers.HttpStream)
    with lazily() as made:
        yield made


@pytest.mark.parametrize("name", STEPS)
def test_peers_hooks_and_tables_see_the_same(name: str, opts: Any) -> None:
    long = Traffic(opts, straight=False, decide=refuse)
    short = Traffic(opts, straight=True, decide=refuse)
    assert run(short, STEPS[name]) == run(long, STEPS[name])
    assert short.way._straight is not None and long.way._straight is None


def records(data: bytes) -> int:
    """How many TLS records there are."""
    count = 0
    while data:
        data, count = data[5 + int.from_bytes(data[3:5], "big") :], count + 1
    return count


def test_a_head_and_its_body_are_one_record_and_so_is_a_reply(opts: Any) -> None:
    traffic = Traffic(opts, straight=True, decide=refuse)
    run(traffic, STEPS["plain"])
    traffic.says(post(b"third"))
    assert records(b"".join(traffic.wire[next(iter(traffic.servers))])) == 1
    traffic.read()
    traffic.answers(CHUNKED + chunk(b"first"))
    assert records(b"".join(traffic.wire[traffic.client])) == 1


def test_what_waits_is_written_before_the_accounting(opts: Any) -> None:
    """The client has all of its reply when the `response` hook begins."""
    sent: list[int] = []

    def decide(command: Any) -> None:
        refuse(command)
        if command.name == "response":
            sent.append(len(b"".join(traffic.wire.get(traffic.client, []))))

    traffic = Traffic(opts, straight=True, decide=decide)
    run(traffic, [("says", post(b"x")), ("answers", reply(b"y" * 5000))])
    assert sent and sent[0] > 5000


def test_what_was_sent_before_a_layer_fails_is_written(opts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = Traffic(opts, straight=True, decide=refuse)
    run(traffic, STEPS["plain"])
    server: Any = traffic.way._straight._http.connections[traffic.client]

    def fail(_: events.Event) -> layer.CommandGenerator[None]:
        yield commands.SendData(traffic.client, b"last ")
        yield commands.SendData(traffic.client, b"words")
        raise KeyError("a flaw")

    monkeypatch.setattr(server, "handle_event", fail)
    with pytest.raises(KeyError, match="a flaw"):
        traffic.says(b"GET")
    assert traffic.read()[0] == b"last words"


def test_there_is_none_before_the_handshake_or_for_other_layers(opts: Any) -> None:
    traffic = Traffic(opts, straight=True, decide=refuse)
    inner: Any = traffic.way._inner
    assert straight_of(inner, traffic.way._up) is None
    run(traffic, STEPS["plain"])
    assert isinstance(straight_of(inner, traffic.way._up), Straight)
    inner.layer.child_layer.tunnel_state = tls_layers.tunnel.TunnelState.ESTABLISHING
    assert straight_of(inner, traffic.way._up) is None
    assert straight_of(layer.NextLayer(traffic.way._outer.context.fork()), traffic.way._up) is None
