"""Each turn of a socket has a record with its use and its cost, and the socket's last record has their sum."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from harness.rig import CREDENTIAL, Rig
from weir.audit.record import AuditRecord


@pytest.fixture
def talk(make_rig: Callable[..., Rig]) -> Callable[..., tuple[Rig, Any]]:
    """Open a socket; give the rig and its flow."""

    def make(path: str = "/v1/realtime?model=gpt-realtime", **sections: Any) -> tuple[Rig, Any]:
        rig = make_rig(**sections)
        flow = rig.flow(b"", path=path, method="GET")
        flow.request.headers["connection"], flow.request.headers["upgrade"] = "upgrade", "websocket"
        trace = rig.play(flow, "requestheaders", "request")
        trace.forwarded_ns = 1
        flow.response = tflow.tresp(status_code=101)
        flow.websocket = tflow.twebsocketflow().websocket
        flow.websocket.messages.clear()
        rig.play(flow, "websocket_start")
        return rig, flow

    return make


def say(rig: Rig, flow: Any, *, from_client: bool = False, **message: Any) -> None:
    """One message through the chain."""
    flow.websocket.messages.append(WebSocketMessage(Opcode.TEXT, from_client, json.dumps(message).encode()))
    rig.play(flow, "websocket_message")


def done(number: int, tokens: int, **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": tokens, "output_tokens": 10, "input_token_details": {"audio_tokens": tokens // 2}}
    return {
        "type": "response.done",
        "response": {"id": f"resp_{number}", "status": "completed", "usage": usage, **more},
    }


def turns(rig: Rig) -> list[AuditRecord]:
    return [record for record in rig.records if record.kind == "turn"]


def test_every_turn_has_its_use_and_its_cost(talk: Callable[..., tuple[Rig, Any]]) -> None:
    rig, flow = talk()
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "level", "arguments": "{}"}
    say(rig, flow, from_client=True, type="response.create")
    say(rig, flow, **done(1, 100, output=[call]))
    say(rig, flow, **done(2, 40))
    first, second = turns(rig)
    assert (first.response_id, first.input_tokens, first.usage_source) == ("resp_1", 100, "reported")
    assert first.cost_nano == 50 * 4_000 + 50 * 32_000 + 10 * 16_000
    assert [(c.name, c.call_id) for c in first.tool_calls] == [("level", "call_1")] and second.tool_calls == ()
    assert second.cost_nano == 20 * 4_000 + 20 * 32_000 + 10 * 16_000
    assert (first.response_model, first.finish_reason, first.exchange_id) == (
        "gpt-realtime",
        "completed",
        second.exchange_id,
    )
    assert json.loads(first.extra)["usage_parts"] == "input_audio_tokens=50"
    assert [json.loads(r.extra)["turn"] for r in (first, second)] == ["1", "2"]
    rig.play(flow, "websocket_end")
    last = rig.records[-1]
    assert last.kind == "response" and (last.input_tokens, last.output_tokens) == (140, 20)
    assert last.cost_nano == (first.cost_nano or 0) + (second.cost_nano or 0)
    told = json.loads(last.extra)
    assert (told["turns"], told["usage_parts"]) == ("2", "input_audio_tokens=70")


def test_a_long_socket_is_not_priced_as_one_long_prompt(talk: Callable[..., tuple[Rig, Any]]) -> None:
    """A price that rises with the length of a prompt is no price for the sum of many."""
    rig, flow = talk("/v1/responses")
    for number in range(4):
        usage = {"input_tokens": 150_000, "output_tokens": 0}
        response = {"id": f"resp_{number}", "status": "completed", "model": "gpt-5.4", "output": [], "usage": usage}
        say(rig, flow, type="response.completed", response=response)
    rig.play(flow, "websocket_end")
    each = turns(rig)[0].cost_nano
    assert each is not None and rig.records[-1].cost_nano == 4 * each and rig.records[-1].input_tokens == 600_000


def test_a_session_that_is_warmed_up_costs_nothing(talk: Callable[..., tuple[Rig, Any]]) -> None:
    rig, flow = talk("/v1/responses")
    say(rig, flow, from_client=True, type="response.create", model="gpt-5", generate=False, input=[])
    say(rig, flow, type="response.completed", response={"id": "resp_w", "status": "completed", "usage": None})
    (record,) = turns(rig)
    assert (record.usage_source, record.cost_nano, record.price_id) == ("none", 0, "no-usage")


def test_what_is_heard_is_paid_at_the_price_of_who_heard_it(talk: Callable[..., tuple[Rig, Any]]) -> None:
    rig, flow = talk()
    heard = {"model": "whisper-1"}
    say(
        rig,
        flow,
        type="session.created",
        session={"model": "gpt-realtime", "audio": {"input": {"transcription": heard}}},
    )
    kind = "conversation.item.input_audio_transcription.completed"
    say(rig, flow, type=kind, item_id="i", transcript="hello", usage={"type": "duration", "seconds": 60})
    (record,) = turns(rig)
    assert (record.response_model, record.cost_nano) == ("whisper-1", 6_000_000)
    assert json.loads(record.extra)["heard"] == "true"


def test_a_model_without_a_price_leaves_the_socket_without_one(talk: Callable[..., tuple[Rig, Any]]) -> None:
    rig, flow = talk()
    say(rig, flow, **done(1, 100))
    say(rig, flow, type="session.updated", session={"model": "house-model"})
    say(rig, flow, **done(2, 100))
    rig.play(flow, "websocket_end")
    assert [r.cost_nano is None for r in (*turns(rig), rig.records[-1])] == [False, True, True]


def test_names_of_the_server_are_looked_at_before_they_are_written_down(talk: Callable[..., tuple[Rig, Any]]) -> None:
    rig, flow = talk(mode="observe")
    say(rig, flow, **done(1, 100, model=CREDENTIAL))
    (record,) = (r for r in turns(rig) if r.usage_source == "reported")
    assert record.response_model == "[withheld]" and CREDENTIAL not in repr(record)
