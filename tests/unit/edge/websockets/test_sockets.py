"""One message after the other through the chain: the decision, its record, and failures on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from harness.rig import CREDENTIAL, Rig
from weir.edge.trace import trace_of
from weir.edge.websockets.sockets import INLINE_BYTES_MAX


@pytest.fixture
def talk(make_rig: Callable[..., Rig]) -> Callable[..., tuple[Rig, Any]]:
    """Open a socket; give the rig and its flow."""

    def make(**sections: Any) -> tuple[Rig, Any]:
        rig = make_rig(**sections)
        flow = rig.flow(b"", path="/v1/realtime?model=gpt-realtime", method="GET")
        flow.request.headers["connection"], flow.request.headers["upgrade"] = "upgrade", "websocket"
        rig.play(flow, "requestheaders", "request")
        flow.websocket = tflow.twebsocketflow().websocket
        flow.websocket.messages.clear()
        rig.play(flow, "websocket_start")
        return rig, flow

    return make


def say(rig: Rig, flow: Any, data: bytes, *, from_client: bool = True, opcode: Opcode = Opcode.TEXT) -> Any:
    """One message through the chain."""
    message = WebSocketMessage(opcode, from_client, data)
    flow.websocket.messages.append(message)
    rig.play(flow, "websocket_message")
    return message


def test_a_clean_message_passes_and_leaves_no_record(talk: Callable[..., tuple[Rig, Any]]) -> None:
    rig, flow = talk()
    before = len(rig.records)
    assert not say(rig, flow, b'{"text": "hello"}').dropped and len(rig.records) == before


def test_a_long_message_is_scanned_elsewhere(talk: Callable[..., tuple[Rig, Any]]) -> None:
    rig, flow = talk()
    text = json.dumps({"text": "The river is high. " * INLINE_BYTES_MAX + CREDENTIAL}).encode()
    assert say(rig, flow, text).dropped
    trace = trace_of(flow)
    assert trace and trace.abort.startswith("no-credentials") and rig.records[-1].kind == "message"
    assert say(rig, flow, b'{"text": "more"}').dropped  # nothing passes after it


def test_the_reply_is_looked_at_too(talk: Callable[..., tuple[Rig, Any]]) -> None:
    rules = [{"id": "no-keys-back", "if": {"finding": "secret/*", "direction": "response"}, "then": "block"}]
    rig, flow = talk(rules=rules)
    assert not say(rig, flow, json.dumps({"text": CREDENTIAL}).encode()).dropped
    assert say(rig, flow, json.dumps({"text": CREDENTIAL}).encode(), from_client=False).dropped
    assert rig.records[-1].findings[0].direction == "response"


def test_a_scan_that_does_not_end_is_no_clean_message(
    talk: Callable[..., tuple[Rig, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, flow = talk()
    trace = trace_of(flow)
    assert trace

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("engine")

    monkeypatch.setattr(type(trace.snapshot.engine), "scan", fail)
    assert say(rig, flow, b'{"text": "hello"}').dropped and "RuntimeError" in trace.abort


def test_sockets_to_others_are_left_alone(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    flow = rig.flow(b"", host="www.news.example", path="/live", method="GET")
    flow.request.headers["connection"], flow.request.headers["upgrade"] = "upgrade", "websocket"
    rig.play(flow, "requestheaders", "request")
    flow.websocket = tflow.twebsocketflow().websocket
    rig.play(flow, "websocket_start")
    assert trace_of(flow).socket is None and not say(rig, flow, CREDENTIAL.encode()).dropped  # type: ignore[union-attr]


def test_the_end_sums_up(talk: Callable[..., tuple[Rig, Any]]) -> None:
    rig, flow = talk(mode="observe")
    say(rig, flow, b"\x00\x01", opcode=Opcode.BINARY)
    say(rig, flow, json.dumps({"text": CREDENTIAL}).encode())
    rig.play(flow, "websocket_end")
    record = rig.records[-1]
    assert (record.inspection, record.verdict, record.action) == ("unparsed", "block", "allow")
    assert json.loads(record.extra)["messages"] == "2"


def test_a_live_session_with_gemini_has_turns_with_cost(make_rig: Callable[..., Rig]) -> None:
    """Its messages come as bytes; the model is named by the first one, and each turn has its record."""
    rig = make_rig(services={"sanctioned": ["google-gemini"]})
    path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    flow = rig.flow(b"", host="generativelanguage.googleapis.com", path=path, method="GET")
    flow.request.headers["connection"], flow.request.headers["upgrade"] = "upgrade", "websocket"
    rig.play(flow, "requestheaders", "request")
    flow.websocket = tflow.twebsocketflow().websocket
    flow.websocket.messages.clear()
    rig.play(flow, "websocket_start")
    say(rig, flow, b'{"setup":{"model":"models/gemini-2.5-flash"}}', opcode=Opcode.BINARY)
    ended = {
        "serverContent": {"turnComplete": True},
        "usageMetadata": {"promptTokenCount": 1000, "responseTokenCount": 100},
    }
    say(rig, flow, json.dumps(ended).encode(), from_client=False, opcode=Opcode.BINARY)
    turn = rig.records[-1]
    assert (turn.response_model, turn.input_tokens, turn.output_tokens) == ("gemini-2.5-flash", 1000, 100)
    assert turn.cost_nano == 550_000 and turn.inspection == "inspected"
    assert say(rig, flow, json.dumps({"realtimeInput": {"text": CREDENTIAL}}).encode(), opcode=Opcode.BINARY).dropped


def test_each_message_needs_a_permission(talk: Callable[..., tuple[Rig, Any]]) -> None:
    networks = [{"cidr": "10.1.0.0/16", "team": "finance"}]
    permissions = [{"id": "voice", "teams": "finance", "models": "gpt-realtime*", "tools": "search"}]
    rig, flow = talk(identity={"networks": networks, "permissions": permissions})
    trace = trace_of(flow)
    assert trace and trace.identity_rule == "voice"
    assert not say(rig, flow, b'{"type": "session.update", "session": {"tools": [{"name": "search"}]}}').dropped
    update = b'{"type": "session.update", "session": {"tools": [{"type": "function", "name": "delete_all"}]}}'
    assert say(rig, flow, update).dropped
    assert trace.abort.startswith("identity-permissions") and rig.records[-1].rule_id == "identity-permissions"
    assert "tool not allowed" in rig.records[-1].reason
    rig, flow = talk(identity={"networks": networks, "permissions": permissions})
    assert say(rig, flow, b'{"type": "session.update", "session": {"model": "o9-voice"}}').dropped
    assert "model not allowed" in rig.records[-1].reason
