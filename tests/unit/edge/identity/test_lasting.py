"""A socket ends with what its tunnel was opened with."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from harness.rig import Rig, run
from weir.edge.identity.callers import CREDENTIALS, arrive
from weir.edge.identity.lasting import still
from weir.edge.trace import Trace
from weir.identity import users

CHEAP = users.Work(log2_n=10, r=1, p=1)


class Talk:
    """A socket in a tunnel that jane opened, and a clock."""

    def __init__(self, rig: Rig, clock: list[float]) -> None:
        self.rig, self.clock = rig, clock
        header = "Basic " + base64.b64encode(b"jane:correct horse").decode()
        tunnel = rig.flow(method="CONNECT", headers={CREDENTIALS: header})
        run(arrive(rig.state, tunnel))
        self.flow: Any = rig.flow(b"", path="/v1/realtime?model=gpt-realtime", method="GET")
        self.flow.client_conn = tunnel.client_conn
        self.trace: Trace = rig.play(self.flow, "requestheaders", "request")
        self.flow.websocket = tflow.twebsocketflow().websocket
        self.flow.websocket.messages.clear()
        rig.play(self.flow, "websocket_start")

    def say(self, *, from_client: bool = True) -> bool:
        """Whether a message passes."""
        message = WebSocketMessage(Opcode.TEXT, from_client, b'{"text": "hello"}')
        self.flow.websocket.messages.append(message)
        self.rig.play(self.flow, "websocket_message")
        return not message.dropped


@pytest.fixture
def talk(make_rig: Callable[..., Rig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    users.add(tmp_path / "users", "jane", "correct horse", work=CHEAP)
    rig = make_rig(identity={"users": str(tmp_path / "users"), "required": True})
    clock = [100.0]
    monkeypatch.setattr("weir.edge.identity.callers.time.monotonic", lambda: clock[0])
    return Talk(rig, clock)


def changed(talk: Talk, *, again: bool) -> None:
    sources = talk.rig.state.snapshot.sources
    assert sources.users is not None
    users.add(sources.users.path, "joe", "other horse", work=CHEAP)
    if not again:
        users.remove(sources.users.path, "jane")
    assert sources.users.reload_if_changed()
    talk.rig.state.snapshot.desk.forget()


def test_it_goes_on_while_it_holds(talk: Talk) -> None:
    assert talk.say() and talk.say(from_client=False)
    changed(talk, again=True)
    talk.clock[0] += 1.0
    assert talk.say(), "jane is still there, so she is asked for nothing"
    assert talk.trace.principal.user == "jane"


def test_it_ends_with_its_user(talk: Talk) -> None:
    changed(talk, again=False)
    assert talk.say(), "within the second nobody is asked"
    talk.clock[0] += 1.0
    assert talk.say(from_client=False), "and nobody answers for what the server says"
    assert not talk.say()
    assert talk.trace.abort == "identity-required: basic: the name or the password is wrong"
    assert talk.trace.socket is not None and b"does not hold" in b"".join(talk.trace.socket.take_last_words())
    assert not talk.say() and talk.trace.refused_by == "identity-required"


def test_it_ends_though_somebody_else_has_asked_first(talk: Talk) -> None:
    changed(talk, again=False)
    talk.clock[0] += 1.0
    other = talk.rig.flow(b"")
    other.client_conn = talk.flow.client_conn
    talk.rig.play(other, "requestheaders")
    assert other.response is not None and other.response.status_code == 403
    assert not talk.say()


def test_where_nothing_was_shown_nothing_ends(rig: Rig) -> None:
    flow: Any = rig.flow(b"")
    trace = rig.play(flow, "requestheaders")
    flow.websocket = tflow.twebsocketflow().websocket
    assert still(rig.state, trace, flow) is None
