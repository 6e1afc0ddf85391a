"""Messages on the wire: what passes, what ends the socket, what a control frame may carry."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import mitmproxy.proxy.layers.websocket as ws_layers
import pytest
import wsproto
import wsproto.events as said

from harness.layers import Wire
from harness.rig import ADDRESS, CREDENTIAL, Rig
from weir.edge.trace import link_of
from weir.edge.websockets import websocket
from weir.edge.websockets.websocket import CONTROL_BYTES_MAX, PIECES_MAX, WeirWebsocketLayer, cut
from weir.edge.wire import stream

pytestmark = pytest.mark.usefixtures("put_back")

OPEN = (
    b"GET http://api.openai.com/v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: api.openai.com\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ACCEPT = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


class Socket:
    """Both ends of a socket through weir; each reads what it was sent."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        wire.client(OPEN)
        wire.upstream(ACCEPT)
        self._read = {True: len(wire.to_client), False: len(wire.to_upstream)}
        self._ends = {
            True: wsproto.Connection(wsproto.ConnectionType.CLIENT),
            False: wsproto.Connection(wsproto.ConnectionType.SERVER),
        }

    def client(self, event: said.Event) -> None:
        """The client sends."""
        self.wire.client(self._ends[True].send(event))

    def server(self, event: said.Event) -> None:
        """The server sends."""
        self.wire.upstream(self._ends[False].send(event))

    def got(self, *, client: bool) -> list[said.Event]:
        """What one end was sent since it was last asked."""
        data = self.wire.to_client if client else self.wire.to_upstream
        self._ends[client].receive_data(data[self._read[client] :])
        self._read[client] = len(data)
        return list(self._ends[client].events())


@pytest.fixture
def open_socket(make_rig: Callable[..., Rig]) -> Callable[..., Socket]:
    stream.install()
    websocket.install()

    def make(**sections: Any) -> Socket:
        return Socket(Wire(make_rig(**sections)))

    return make


def event(text: str) -> said.TextMessage:
    """A message as a realtime client sends it."""
    return said.TextMessage(json.dumps({"type": "x", "item": {"content": [{"type": "input_text", "text": text}]}}))


def texts(events: list[said.Event]) -> list[str]:
    return [one.data for one in events if isinstance(one, said.TextMessage)]


def test_messages_pass_in_their_fragments(open_socket: Callable[..., Socket]) -> None:
    one = open_socket()
    assert isinstance(one.wire.layer.streams[1].child_layer, WeirWebsocketLayer)
    one.client(said.TextMessage('{"a": "hel', message_finished=False))
    assert one.got(client=False) == []  # half a message can't be judged
    one.client(said.TextMessage('lo"}'))
    assert texts(one.got(client=False)) == ['{"a": "hel', 'lo"}']
    one.server(said.TextMessage('{"type": "y"}'))
    assert texts(one.got(client=True)) == ['{"type": "y"}']
    assert len(one.wire.flow.websocket.messages) <= 1  # nothing is kept


def test_what_policy_blocks_ends_the_socket(open_socket: Callable[..., Socket]) -> None:
    one = open_socket()
    one.client(event(f"deploy with {CREDENTIAL}"))
    assert CREDENTIAL.encode() not in one.wire.to_upstream
    error, close = one.got(client=True)
    assert isinstance(error, said.TextMessage) and json.loads(error.data)["type"] == "error"
    assert isinstance(close, said.CloseConnection) and close.code == websocket.POLICY_VIOLATION
    (told,) = one.got(client=False)
    assert isinstance(told, said.CloseConnection) and told.code == 1000  # why is nobody's business there
    kinds = [(r.kind, r.action, r.rule_id) for r in one.wire.rig.records]
    assert kinds[-2:] == [("message", "block", "no-credentials"), ("response", "block", "no-credentials")]


def test_what_policy_edits_goes_on_changed(open_socket: Callable[..., Socket]) -> None:
    one = open_socket()
    one.client(event(f"to {ADDRESS}"))
    (sent,) = texts(one.got(client=False))
    assert json.loads(sent)["item"]["content"][0]["text"] == "to <EMAIL_ADDRESS_1>"
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    for part in ("<EMAIL_", "ADDRESS_1> it"):
        one.server(said.TextMessage(json.dumps({"type": "response.output_text.delta", **place, "delta": part})))
    back = [json.loads(text)["delta"] for text in texts(one.got(client=True))]
    assert "".join(back) == f"{ADDRESS} it"


def test_what_was_held_back_comes_before_the_end(open_socket: Callable[..., Socket]) -> None:
    one = open_socket()
    one.client(event(f"to {ADDRESS}"))
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    one.server(said.TextMessage(json.dumps({"type": "response.output_text.delta", **place, "delta": "so <EMAIL_"})))
    one.server(said.CloseConnection(code=1000))
    deltas = [json.loads(text)["delta"] for text in texts(one.got(client=True))]
    assert "".join(deltas) == "so <EMAIL_"


def test_a_message_over_the_limit_ends_the_socket(open_socket: Callable[..., Socket]) -> None:
    one = open_socket(limits={"body_bytes_max": "64 KiB"})
    one.client(said.TextMessage("x" * 40_000, message_finished=False))
    one.client(said.TextMessage("x" * 40_000, message_finished=False))
    closed = [e for e in one.got(client=True) if isinstance(e, said.CloseConnection)]
    assert [e.code for e in closed] == [websocket.TOO_BIG]
    assert not texts(one.got(client=False)) and one.wire.rig.records[-1].inspection == "failed"


def test_messages_have_a_limit_of_their_own(open_socket: Callable[..., Socket]) -> None:
    one = open_socket(limits={"websocket_bytes_max": "64 KiB"})
    one.server(said.TextMessage("x" * 60_000))
    one.client(said.TextMessage("x" * 60_000))
    assert len(texts(one.got(client=True))) == len(texts(one.got(client=False))) == 1
    one.server(said.TextMessage("x" * 70_000))
    closed = [e for e in one.got(client=True) if isinstance(e, said.CloseConnection)]
    assert [e.code for e in closed] == [websocket.TOO_BIG]


@pytest.mark.parametrize("from_client", [True, False])
def test_who_sends_while_a_message_is_looked_at_is_not_read_without_end(
    from_client: bool, open_socket: Callable[..., Socket]
) -> None:
    one = open_socket(limits={"unread_bytes_max": "64 KiB"})
    layer = one.wire.layer.streams[1].child_layer
    bounds = link_of(one.wire.peer).bounds
    bounds.limits = one.wire.rig.state.snapshot.settings.limits
    peers = (one.wire.servers[-1], one.wire.peer)
    key, other = peers if from_client else peers[::-1]
    layer._paused = object()  # a hook is at work
    send = one.client if from_client else one.server
    for _ in range(3):
        send(said.TextMessage("x" * 30_000))
    backlog = bounds.backlogs[key]  # whoever feeds this one waits for room in it
    assert other not in bounds.backlogs
    assert backlog.held > backlog.limit == 64 << 10
    layer._paused, queued = None, list(layer._paused_event_queue)
    layer._paused_event_queue.clear()
    for left, event in enumerate(queued):
        one.wire._feed(event)
        assert (backlog.held == 0) is (left == len(queued) - 1)
    assert len(texts(one.got(client=not from_client))) == 3


def test_a_message_in_very_many_frames_passes_in_fewer(open_socket: Callable[..., Socket]) -> None:
    one = open_socket()
    count = PIECES_MAX + 500
    for number in range(count):
        one.client(said.TextMessage("x", message_finished=number == count - 1))
    assert len(out := texts(one.got(client=False))) == PIECES_MAX and "".join(out) == "x" * count


LONG = "žluťoučký kůň 🐎 " * 2000


@pytest.mark.parametrize("text", [LONG, "x" + LONG, "", "short"])
@pytest.mark.parametrize("lengths", [[], [5, 3999], [1] * 40, [len(LONG.encode())], [len(LONG.encode()) - 7, 7]])
def test_text_is_cut_between_characters(text: str, lengths: list[int]) -> None:
    frames = list(cut(text.encode(), lengths, is_text=True))
    assert "".join(frame.decode() for frame, _ in frames) == text
    assert [last for _, last in frames] == [False] * (len(frames) - 1) + [True]


def test_what_was_not_changed_is_cut_as_it_came_and_bytes_anywhere() -> None:
    assert list(cut(b"abcdef", [1, 0, 5], is_text=True)) == [(b"a", False), (b"", False), (b"bcdef", True)]
    frames = [frame for frame, _ in cut("ů".encode() * 5000, [], is_text=False)]
    assert [len(frame) for frame in frames] == [4000, 4000, 2000]


@pytest.mark.parametrize(("size", "inspection"), [(CONTROL_BYTES_MAX, "inspected"), (CONTROL_BYTES_MAX + 1, "partial")])
def test_control_frames_pass_and_much_in_one_is_told(
    open_socket: Callable[..., Socket], size: int, inspection: str
) -> None:
    one = open_socket()
    one.client(said.Ping(b"p" * size))
    assert one.got(client=False) == [said.Ping(b"p" * size)]
    one.client(said.CloseConnection(code=1000, reason=None))
    assert one.wire.rig.records[-1].inspection == inspection
    assert one.wire.rig.records[-1].req_bytes == size


def test_bytes_that_are_no_websocket_end_it(open_socket: Callable[..., Socket]) -> None:
    one = open_socket()
    one.wire.client(b"\xff\xff\xff\xff")
    assert one.wire.trace.closed and one.wire.servers[-1] in one.wire.closed


def test_mitmproxy_looks_the_layer_up_in_its_module(open_socket: Callable[..., Socket]) -> None:
    assert ws_layers.WebsocketLayer is WeirWebsocketLayer
    open_socket()
