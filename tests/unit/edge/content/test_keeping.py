"""Which texts are kept: what was asked, also where it was held back; what the client got; and never a credential."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from harness.rig import ADDRESS, CREDENTIAL, REAL_KEY, Rig, chat
from weir.edge.content.keeping import SCAN_S
from weir.edge.content.storing import NOT_KEPT
from weir.edge.trace import trace_of

Make = Callable[..., Any]


def answer(text: str, **more: Any) -> bytes:
    message = {"role": "assistant", "content": text, **more}
    return json.dumps({"id": "c1", "model": "gpt-5-mini", "choices": [{"index": 0, "message": message}]}).encode()


async def in_loop(rig: Rig, flow: http.HTTPFlow, body: bytes, status: int = 200) -> None:
    """A reply whose texts a worker cleans: its record follows."""
    trace = trace_of(flow)
    assert trace is not None
    trace.forwarded_ns = trace.started_ns + 1
    flow.response = http.Response.make(status, b"", {"content-type": "application/json"})
    for hook in ("responseheaders", "response"):
        if hook == "response" and trace.pipe is not None:
            flow.response.raw_content = b"".join([*trace.pipe.feed(body), *trace.pipe.close()])
        for addon in rig.addons:
            waits = getattr(addon, hook)(flow) if hasattr(addon, hook) else None
            if waits is not None:
                await waits
    while rig.state.sealing:
        await asyncio.gather(*rig.state.sealing)


def test_what_was_asked_and_answered(keeping: Make) -> None:
    kept = keeping()
    flow = kept.rig.flow(chat("Who lives in Cham?"))
    kept.rig.play(flow, "requestheaders", "request")
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"in":"Cham"}'}}
    kept.rig.reply(flow, answer("I look.", tool_calls=[call]))
    asked, answered = kept.rig.records
    assert [one.text for one in kept.texts(asked).segments if one.role == "user"] == ["Who lives in Cham?"]
    content = kept.texts(answered)
    assert content.segments == () and content.reply == "I look."
    assert [(one.name, one.arguments) for one in content.calls] == [("look", '{"in":"Cham"}')]
    assert len(answered.tool_calls[0].args_ct_hash) == 64
    assert "Cham" not in repr(kept.rig.records)


def test_a_blocked_prompt_can_be_read_without_its_credential(keeping: Make) -> None:
    kept = keeping()
    flow = kept.rig.flow(chat(f"deploy with {CREDENTIAL} tonight"))
    kept.rig.play(flow, "requestheaders", "request", "response")
    (record,) = kept.rig.records
    assert record.kind == "block"
    (text,) = [one.text for one in kept.texts(record).segments if one.role == "user"]
    assert text.startswith("deploy with [secret/") and text.endswith("] tonight") and CREDENTIAL not in text


def test_the_client_gets_its_own_words_back_and_so_does_the_audit(keeping: Make) -> None:
    kept = keeping()
    flow = kept.rig.flow(chat(f"Write to {ADDRESS}"))
    kept.rig.play(flow, "requestheaders", "request")
    call = {"id": "c", "type": "function", "function": {"name": "send", "arguments": '{"to":"<EMAIL_ADDRESS_1>"}'}}
    kept.rig.reply(flow, answer("Dear <EMAIL_ADDRESS_1>!", tool_calls=[call]))
    assert ADDRESS.encode() in flow.response.raw_content
    assert kept.texts(kept.rig.records[0]).segments[-1].text == f"Write to {ADDRESS}"
    content = kept.texts(kept.rig.records[1])
    assert content.reply == f"Dear {ADDRESS}!" and content.calls[0].arguments == json.dumps(
        {"to": ADDRESS}, separators=(",", ":")
    )


def test_a_credential_in_a_reply_is_struck_out(keeping: Make) -> None:
    kept = keeping()
    flow = kept.rig.flow(chat("What is the key?"))
    kept.rig.play(flow, "requestheaders", "request")
    call = {"id": "c", "type": "function", "function": {"name": "put", "arguments": json.dumps({"key": CREDENTIAL})}}
    asyncio.run(in_loop(kept.rig, flow, answer(f"It is {CREDENTIAL}.", tool_calls=[call])))
    content = kept.texts(kept.rig.records[-1])
    assert CREDENTIAL not in content.reply + content.calls[0].arguments
    assert content.reply.startswith("It is [") and content.reply.endswith("].")


def test_what_cannot_be_scanned_again_is_told(keeping: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keeping()
    flow = kept.rig.flow(chat("What is the key?"))
    kept.rig.play(flow, "requestheaders", "request")
    engine = kept.rig.state.snapshot.engine
    scan = type(engine).scan

    def late(self: Any, segments: Any, *args: Any, **more: Any) -> Any:
        found = scan(self, segments, *args, **more)
        return dataclasses.replace(found, complete=False) if more.get("deadline_s") == SCAN_S else found

    monkeypatch.setattr(type(engine), "scan", late)
    asyncio.run(in_loop(kept.rig, flow, answer(f"It is {CREDENTIAL}.")))
    record = kept.rig.records[-1]
    content = kept.texts(record)
    assert record.reason.endswith(NOT_KEPT) and record.action != "block"
    assert content.reply == "" and content.cut == len(f"It is {CREDENTIAL}.")


def test_the_companys_key_in_an_answer_is_struck_out(keeping: Make) -> None:
    kept = keeping()
    flow = kept.rig.flow(chat("hello"))
    trace = kept.rig.play(flow, "requestheaders", "request")
    from weir.model import Secret

    trace.given = Secret(REAL_KEY, name="openai")
    asyncio.run(in_loop(kept.rig, flow, answer(f"no such key: {REAL_KEY}"), 401))
    assert kept.texts(kept.rig.records[-1]).reply == "no such key: [weir/company-key]"


def test_only_findings_are_kept_and_the_reply_may_be_the_one(keeping: Make) -> None:
    kept = keeping({"keep": "findings"})
    flow = kept.rig.flow(chat("Whom do I ask?"))
    kept.rig.play(flow, "requestheaders", "request")
    asyncio.run(in_loop(kept.rig, flow, answer(f"Ask {ADDRESS}.")))
    asked, answered = kept.rig.records
    assert asked.content_ct_hash == "" and answered.findings
    content = kept.texts(answered)
    assert [one.text for one in content.segments if one.role == "user"] == ["Whom do I ask?"]
    assert content.reply == f"Ask {ADDRESS}."


@pytest.mark.parametrize("content", [{"keep": "off", "except": [{"keep": "full", "rules": ["no-addresses"]}]}])
def test_a_rule_that_matched_decides(keeping: Make, content: dict[str, Any]) -> None:
    kept = keeping(content)
    for text, is_kept in (("hello", False), (f"to {ADDRESS}", True)):
        flow = kept.rig.flow(chat(text))
        kept.rig.play(flow, "requestheaders", "request")
        assert bool(kept.rig.records[-1].content_ct_hash) is is_kept


def test_what_could_not_be_looked_through_is_not_kept(keeping: Make) -> None:
    kept = keeping(on_failure="allow")
    flow = kept.rig.flow(chat("hello"))
    trace = kept.rig.play(flow, "requestheaders", "request", until="policy")
    trace.fail("dlp: out of time")
    from weir.edge.content.keeping import asked

    assert asked(trace) is None


def test_a_policy_that_keeps_nothing_costs_nothing(rig: Rig) -> None:
    flow = rig.flow(chat("hello"))
    rig.play(flow, "requestheaders", "request")
    assert rig.records[0].content_ct_hash == "" and rig.state.content is None
    assert not (rig.state.data.path / "content").exists()


def said(rig: Rig, flow: Any, *, from_client: bool = False, **message: Any) -> None:
    flow.websocket.messages.append(WebSocketMessage(Opcode.TEXT, from_client, json.dumps(message).encode()))
    rig.play(flow, "websocket_message")


def opened(rig: Rig) -> http.HTTPFlow:
    flow: http.HTTPFlow = rig.flow(b"", path="/v1/realtime?model=gpt-realtime", method="GET")
    flow.request.headers["connection"], flow.request.headers["upgrade"] = "upgrade", "websocket"
    trace = rig.play(flow, "requestheaders", "request")
    trace.forwarded_ns = 1
    flow.response = tflow.tresp(status_code=101)
    flow.websocket = tflow.twebsocketflow().websocket
    flow.websocket.messages.clear()
    rig.play(flow, "websocket_start")
    return flow


def item(text: str) -> dict[str, Any]:
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {"type": "conversation.item.create", "item": message}


def replied(number: int, text: str) -> list[dict[str, Any]]:
    delta = {"response_id": f"r{number}", "item_id": f"i{number}", "output_index": 0, "content_index": 0}
    usage = {"input_tokens": 5, "output_tokens": 5}
    done = {"id": f"r{number}", "status": "completed", "usage": usage}
    return [
        {"type": "response.output_text.delta", "delta": text, **delta},
        {"type": "response.done", "response": done},
    ]


async def talked(rig: Rig, flow: http.HTTPFlow, messages: list[tuple[bool, dict[str, Any]]]) -> None:
    """A talk to its end: what a worker encrypts stands in the audit too."""
    assert flow.websocket is not None
    for from_client, message in (*messages, (True, None)):
        if message is not None:
            data = json.dumps(message).encode()
            flow.websocket.messages.append(WebSocketMessage(Opcode.TEXT, from_client, data))
        hook = "websocket_message" if message is not None else "websocket_end"
        for addon in rig.addons:
            waits = getattr(addon, hook)(flow) if hasattr(addon, hook) else None
            if waits is not None:
                await waits
    while rig.state.sealing:
        await asyncio.gather(*rig.state.sealing)


@pytest.mark.parametrize("turn_between", [False, True])
@pytest.mark.parametrize("cut", [9, 14])
def test_a_credential_cut_across_messages_is_kept_nowhere(keeping: Make, cut: int, turn_between: bool) -> None:
    kept = keeping(mode="observe")
    rig = kept.rig
    flow = opened(rig)
    first, second = item(f"{ADDRESS} has the key {CREDENTIAL[:cut]}"), item(f"{CREDENTIAL[cut:]} it was")
    between = [(False, one) for one in replied(1, "Go on.")] if turn_between else []
    end = [(False, one) for one in replied(2, "So it is.")]
    asyncio.run(talked(rig, flow, [(True, first), *between, (True, second), *end]))
    texts = [kept.texts(record) for record in rig.records if record.content_ct_hash]
    told = [one.text for content in texts for one in content.segments if one.role == "user"]
    assert [text.startswith(f"{ADDRESS} has the key [") for text in told].count(True) == 2 and len(told) == 4
    assert not [text for text in told if CREDENTIAL[:cut] in text or CREDENTIAL[cut:] in text]


def test_a_socket_is_kept_turn_by_turn(keeping: Make) -> None:
    kept = keeping()
    rig = kept.rig
    flow = opened(rig)
    for number, (question, reply) in enumerate([("How deep?", "Two metres."), ("And now?", "Three.")], 1):
        said(rig, flow, from_client=True, **item(question))
        for message in replied(number, reply):
            said(rig, flow, **message)
    said(rig, flow, from_client=True, **item("Bye"))
    rig.play(flow, "websocket_end")
    turns = [kept.texts(record) for record in rig.records if record.kind == "turn"]
    texts = [([one.text for one in turn.segments if one.role == "user"], turn.reply) for turn in turns]
    assert texts == [(["How deep?"], "Two metres."), (["And now?"], "Three.")]
    last = kept.texts(rig.records[-1])
    assert ([one.text for one in last.segments if one.role == "user"], last.reply) == (["Bye"], "")
