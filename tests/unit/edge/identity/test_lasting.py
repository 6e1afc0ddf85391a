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
from weir.edge.trace import Trace, link_of
from weir.identity import users
from weir.identity.sources import Answer
from weir.model import Principal

CHEAP = users.Work(log2_n=10, r=1, p=1)


class Talk:
    """A socket in a tunnel that jane opened, and a clock."""

    def __init__(self, rig: Rig, clock: list[float], chain: tuple[bytes, ...] = ()) -> None:
        self.rig, self.clock = rig, clock
        header = "Basic " + base64.b64encode(b"jane:correct horse").decode()
        tunnel = rig.flow(method="CONNECT", headers={} if chain else {CREDENTIALS: header})
        link_of(tunnel.client_conn).chain = chain
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


def test_it_ends_with_the_certificate_that_it_was_opened_with(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [Answer(Principal(app="bot", method="certificate", strength=3))]
    monkeypatch.setattr("weir.edge.identity.evidence.answers", lambda *_: {"certificate": shown[0]})
    clock = [100.0]
    monkeypatch.setattr("weir.edge.identity.callers.time.monotonic", lambda: clock[0])
    rig = make_rig(identity={"required": True})
    talk = Talk(rig, clock, chain=(b"its certificate",))
    shown[0] = Answer(None, "not valid now")
    assert talk.say(), "it is looked at once a minute"
    clock[0] += 60.0
    assert not talk.say() and talk.trace.abort == "identity-required: certificate: not valid now"


class Plain(Talk):
    """A socket that jane opened in absolute form, through a plain proxy: her password came with its request."""

    def __init__(self, rig: Rig, clock: list[float], chain: tuple[bytes, ...] = ()) -> None:
        self.rig, self.clock = rig, clock
        header = "Basic " + base64.b64encode(b"jane:correct horse").decode()
        path, headers = "/v1/realtime?model=gpt-realtime", {CREDENTIALS: header}
        self.flow: Any = rig.flow(b"", path=path, method="GET", headers=headers)
        link_of(self.flow.client_conn).chain = chain
        self.trace: Trace = rig.play(self.flow, "requestheaders", "request")
        self.flow.websocket = tflow.twebsocketflow().websocket
        self.flow.websocket.messages.clear()
        rig.play(self.flow, "websocket_start")


def test_one_opened_in_absolute_form_ends_with_its_user(talk: Talk) -> None:
    plain = Plain(talk.rig, talk.clock)
    assert plain.trace.principal.user == "jane" and plain.say() and plain.say(from_client=False)
    assert "Basic" not in repr(plain.trace), "it is a password"
    changed(plain, again=True)
    talk.clock[0] += 1.0
    assert plain.say(), "jane is still there"
    changed(plain, again=False)
    assert plain.say(), "within the second nobody is asked"
    talk.clock[0] += 1.0
    assert not plain.say() and plain.trace.refused_by == "identity-required"
    assert plain.trace.abort == "identity-required: basic: the name or the password is wrong"


def test_a_password_beside_a_certificate_of_the_connection_holds_too(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {"certificate": Answer(Principal(user="jane", method="certificate", strength=3))}
    monkeypatch.setattr("weir.edge.identity.evidence.answers", lambda *_: answers)
    plain = Plain(talk.rig, talk.clock, chain=(b"its certificate",))
    assert set(plain.trace.heard) == {"basic", "certificate"}
    assert plain.say(), "each is compared with what it was itself"
    changed(plain, again=False)
    talk.clock[0] += 1.0
    assert not plain.say()


def test_where_nothing_was_shown_nothing_ends(rig: Rig) -> None:
    flow: Any = rig.flow(b"")
    trace = rig.play(flow, "requestheaders")
    flow.websocket = tflow.twebsocketflow().websocket
    assert still(rig.state, trace, flow) is None
