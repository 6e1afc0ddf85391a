"""The conversation of an exchange, over turns that the provider keeps."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from harness.rig import ADDRESS, Rig
from weir.edge.trace import trace_of
from weir.edge.websockets.turns import tag_of
from weir.model import Principal

STAND_IN = "<EMAIL_ADDRESS_1>"
PATH = "/v1/responses"


def answer(text: str, response_id: str) -> bytes:
    content = [{"type": "output_text", "text": text}]
    output = [{"type": "message", "role": "assistant", "content": content}]
    return json.dumps({"id": response_id, "object": "response", "status": "completed", "output": output}).encode()


def turn(rig: Rig, text: str, reply: str, response_id: str, peer: str = "10.1.2.3", **members: str) -> tuple[str, str]:
    """One exchange: what went upstream and what the client read."""
    body = json.dumps({"model": "gpt-5-mini", "input": text, **members}).encode()
    flow = rig.flow(body, path=PATH, peer=peer)
    rig.play(flow, "requestheaders", "request")
    assert flow.response is None
    rig.reply(flow, answer(reply, response_id))
    return (flow.request.raw_content or b"").decode(), (flow.response.raw_content or b"").decode()  # type: ignore[attr-defined]


def test_a_reply_brings_back_what_an_earlier_turn_said(rig: Rig) -> None:
    sent, read = turn(rig, f"write to {ADDRESS}", f"To {STAND_IN}", "resp_1")
    assert ADDRESS not in sent and STAND_IN in sent and ADDRESS in read
    sent, read = turn(rig, "shorter", f"Hi {STAND_IN}", "resp_2", previous_response_id="resp_1")
    assert f"Hi {ADDRESS}" in read
    conversations = {record.conversation_id for record in rig.records if record.kind == "request"}
    assert len(conversations) == 1 and conversations != {""}
    _, read = turn(rig, "again", f"Hi {STAND_IN}", "resp_3", previous_response_id="resp_2")
    assert ADDRESS in read


def test_another_client_with_the_same_words_and_ids_gets_its_own(rig: Rig) -> None:
    turn(rig, f"write to {ADDRESS}", "ok", "resp_1")
    _, read = turn(rig, "who?", f"{STAND_IN}", "resp_2", peer="10.9.9.9", previous_response_id="resp_1")
    assert ADDRESS not in read and STAND_IN in read
    turn(rig, "write to other@example.org", "ok", "resp_1", peer="10.9.9.9")
    _, read = turn(rig, "who?", STAND_IN, "resp_4", peer="10.9.9.9", previous_response_id="resp_1")
    assert "other@example.org" in read
    _, read = turn(rig, "who?", STAND_IN, "resp_5", previous_response_id="resp_1")
    assert ADDRESS in read


def test_observing_brings_nothing_back(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(mode="observe")
    turn(rig, f"write to {ADDRESS}", "ok", "resp_1")
    _, read = turn(rig, "who?", STAND_IN, "resp_2", previous_response_id="resp_1")
    assert STAND_IN in read and ADDRESS not in read


@pytest.mark.parametrize(
    "other",
    [
        Principal(user="eve", method="basic", strength=2),
        Principal(user="ann", app="ide", method="basic", strength=2),
        Principal(user="ann", key_id="k1", method="virtual_key", strength=3),
    ],
)
def test_tags_tell_callers_apart(rig: Rig, other: Principal) -> None:
    flow = rig.flow()
    rig.play(flow, "requestheaders", until="begin")
    trace = trace_of(flow)
    assert trace is not None
    trace.principal = Principal(user="ann", method="basic", strength=2)
    mine = tag_of(trace, flow)
    trace.principal = other
    assert tag_of(trace, flow) != mine
