"""Chunks of replies on the wire: held, changed, ended, scanned beside; and what becomes of failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.layers import REPLY, Wire, answer, body_of, post, sized
from harness.rig import CREDENTIAL, Rig, chat, run
from weir.dlp.replies.listen import Listener
from weir.edge import passing
from weir.edge.process.workers import WorkersBusy
from weir.edge.wire import stream
from weir.edge.wire.chunk import ChunkData
from weir.model import Inspection

pytestmark = pytest.mark.usefixtures("put_back")
BLOCK = {"id": "no-keys-back", "if": {"finding": "secret/*", "direction": "response"}, "then": "block", "say": "A key."}
STRIKE = {"id": "keys-struck-out", "if": {"finding": "secret/*", "direction": "response"}, "then": "redact"}
EVENTS = "Content-Type: text/event-stream"


@pytest.fixture
def wire(make_rig: Callable[..., Rig]) -> Callable[..., Wire]:
    stream.install()

    def make(*rules: dict[str, Any], **sections: Any) -> Wire:
        return Wire(make_rig(rules=list(rules), usage={"ask": False}, **sections))

    return make


def said(text: str) -> bytes:
    return REPLY.replace(b"Hi.", json.dumps(text)[1:-1].encode())


def event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


def events(head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + head


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_a_reply_in_json_waits_and_then_goes_whole(wire: Callable[..., Wire]) -> None:
    one = wire(STRIKE)
    one.client(post(chat("hello")))
    reply = said(f"use {CREDENTIAL} now")
    one.upstream(sized(reply)[:-20])
    assert one.to_client == b"", "not even its head"
    one.upstream(reply[-20:])
    body = body_of(one.to_client)
    assert body == reply.replace(CREDENTIAL.encode(), b"[REDACTED:aws-access-key-id]")
    assert f"content-length: {len(body)}".encode() in one.to_client.lower()
    assert one.trace.closed and one.servers[0] not in one.closed
    one.client(post(chat("again")))
    one.upstream(sized(REPLY))
    assert one.to_client.endswith(REPLY), "byte for byte where nothing is found"


def test_a_reply_in_json_is_refused(wire: Callable[..., Wire]) -> None:
    one = wire(BLOCK)
    one.client(post(chat("hello")))
    one.upstream(sized(said(f"use {CREDENTIAL} now")))
    assert one.to_client.startswith(b"HTTP/1.1 403") and CREDENTIAL.encode() not in one.to_client
    assert json.loads(body_of(one.to_client))["error"]["message"].startswith("A key.")
    record = one.rig.records[-1]
    assert (record.kind, record.http_status, record.action, record.rule_id) == (
        "response",
        403,
        "block",
        "no-keys-back",
    )
    assert (record.input_tokens, record.usage_source) == (3, "reported") and record.cost_nano
    one.client(post(chat("again")))
    one.upstream(sized(REPLY))
    assert one.to_client.endswith(REPLY)


def test_a_stream_is_ended_by_the_providers_error(wire: Callable[..., Wire]) -> None:
    one = wire(BLOCK)
    one.client(post(chat("hello", stream=True)))
    one.upstream(events(chunk(event("The river "))))
    assert b"The river " in one.to_client
    one.upstream(chunk(event("has ")) + chunk(event(CREDENTIAL)) + chunk(event(" in it.")) + chunk(event("More.")))
    assert b"has " in one.to_client and b"AKIA" not in one.to_client and b"More." not in one.to_client
    assert b'data: {"error":{"message":"A key.' in one.to_client and one.to_client.endswith(b"0\r\n\r\n")
    assert one.servers[0] in one.closed and one.peer not in one.closed
    record = one.rig.records[-1]
    assert (record.kind, record.action, record.rule_id, record.http_status) == (
        "response",
        "block",
        "no-keys-back",
        200,
    )
    assert record.output_tokens and record.findings[0].action == "block"


def test_an_array_of_events_is_ended_inside_itself(wire: Callable[..., Wire]) -> None:
    one = wire(BLOCK)
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}).encode()
    one.client(post(body, host="generativelanguage.googleapis.com", path=path))
    parts = [json.dumps({"candidates": [{"content": {"parts": [{"text": t}]}}]}) for t in ("Low. ", CREDENTIAL, " x.")]
    one.upstream(answer(b"", "Transfer-Encoding: chunked") + chunk(f"[{parts[0]}".encode()))
    assert b"Low. " in one.to_client
    one.upstream(chunk(f",\r\n{parts[1]},\r\n{parts[2]}]".encode()) + b"0\r\n\r\n")
    sent = b"".join(part.partition(b"\r\n")[2] for part in body_of(one.to_client).split(b"\r\n\r\n") if part)
    assert CREDENTIAL.encode() not in one.to_client and b'"error"' in sent and b"]" in sent


@pytest.mark.parametrize(("on_failure", "status"), [("block", b"403"), ("allow", b"200")])
def test_a_reply_that_can_not_be_scanned(
    wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch, on_failure: str, status: bytes
) -> None:
    one = wire(STRIKE, on_failure=on_failure)
    one.client(post(chat("hello")))
    monkeypatch.setattr("weir.edge.replies.ReplyLook.scan", lambda *_, **__: ((), "dlp: out of time"))
    one.upstream(sized(REPLY))
    assert one.to_client.startswith(b"HTTP/1.1 " + status)
    record = one.rig.records[-1]
    assert (record.inspection, record.inspection_reason) == ("failed", "reply: dlp: out of time")
    assert record.rule_id == ("on-failure" if on_failure == "block" else "")


def test_a_reader_that_breaks_while_its_head_waits_is_a_503(
    wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = wire(STRIKE)
    one.client(post(chat("hello")))

    def broken(*_: object, **__: object) -> None:
        raise KeyError("canary")

    one.upstream(sized(REPLY)[:-10])
    monkeypatch.setattr(type(one.trace.pipe), "close", broken)
    one.upstream(REPLY[-10:])
    assert one.to_client.startswith(b"HTTP/1.1 503") and REPLY[:20] not in one.to_client


def test_a_body_too_large_to_hold_begins_when_policy_lets_it_pass_unread(
    wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weir.providers.replies.reading.BODY_BYTES_MAX", 1000)
    for on_failure in ("allow", "block"):
        one = wire(STRIKE, on_failure=on_failure)
        one.client(post(chat("hello")))
        reply = said("The river stands low. " * 200)
        one.upstream(sized(reply))
        passed = body_of(one.to_client)
        if on_failure == "block":
            assert one.to_client.startswith(b"HTTP/1.1 403")
        else:
            assert b"transfer-encoding: chunked" in one.to_client.lower() and b"stands low" in passed
        assert one.rig.records[-1].inspection == "failed"


def test_an_empty_reply_is_as_it_came(wire: Callable[..., Wire]) -> None:
    one = wire(STRIKE)
    one.client(post(chat("hello")))
    one.upstream(answer(b"", "Content-Length: 0", status="204 No Content"))
    assert one.to_client.startswith(b"HTTP/1.1 204") and one.trace.closed


def chunk_data(rig: Rig, body: bytes, rules: list[dict[str, Any]] | None = None) -> tuple[Any, ChunkData]:
    flow = rig.flow(chat("hello", stream=True))
    rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, b"", content_type="text/event-stream")
    trace.look = trace.pipe = None
    rig.play(flow, "responseheaders")
    return trace, ChunkData(flow, body)


def test_small_chunks_are_read_at_once_and_large_ones_by_a_worker(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rules=[STRIKE], usage={"ask": False})
    trace, small = chunk_data(rig, event(f"use {CREDENTIAL} now."))
    assert passing.pass_on(rig.state, trace, small) is None
    assert b"[REDACTED:aws-access-key-id]" in b"".join(small.out)
    large = ChunkData(small.flow, event("The river stands low. " * 2000 + CREDENTIAL + " "))
    assert passing.heavy(trace, large)
    waits = passing.pass_on(rig.state, trace, large)
    assert waits is not None and large.out == []
    run(waits)
    assert b"[REDACTED:aws-access-key-id]" in b"".join(large.out)


def test_a_long_reply_is_scanned_while_it_goes_on(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rules=[], usage={"ask": False})
    trace, data = chunk_data(rig, b"")
    watch = trace.look.watch
    assert isinstance(watch, Listener)

    async def play() -> None:
        for number in range(8):
            text = "The river stands low. " * 1000 + (CREDENTIAL if number == 3 else "") + " "
            trace.pipe.feed(event(text))
            passing.keep_up(rig.state, trace, data.flow)
            await asyncio.sleep(0)
        assert trace.look.scanning is not None or watch.found.findings
        waits = passing.finish(rig.state, trace, data.flow)
        if waits is not None:
            await waits

    asyncio.run(play())
    assert [f.detector for f in watch.found.findings] == ["secret/aws-access-key-id"]
    assert watch.pending_chars == 0 and not watch.found.failed and not rig.state.tasks


@pytest.mark.parametrize("secret", ["in the request", "only in the reply"])
def test_a_place_that_repeats_the_request_hides_nothing_else(wire: Callable[..., Wire], secret: str) -> None:
    one = wire(STRIKE)
    asked = f"mind {CREDENTIAL} well" if secret == "in the request" else "hello"
    one.client(post(json.dumps({"model": "gpt-5", "metadata": {"note": asked}, "messages": []}).encode()))
    document = json.loads(REPLY) | {"metadata": {"note": f"mind {CREDENTIAL} well"}}
    one.upstream(sized(json.dumps(document).encode()))
    note = json.loads(body_of(one.to_client))["metadata"]["note"]
    assert (CREDENTIAL in note) == (secret == "in the request")
    assert len(one.trace.look.findings) == (secret != "in the request")


def test_a_scan_that_takes_too_long_here_goes_on_elsewhere(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "INLINE_S", 0.0)
    flow = rig.flow(chat("hello"))
    rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, said(f"use {CREDENTIAL} now"))
    assert trace.look is not None and [f.detector for f in trace.look.findings] == ["secret/aws-access-key-id"]
    assert trace.look.inspection is Inspection.INSPECTED


def test_a_scan_that_finds_no_thread_is_a_failure_that_is_recorded(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(rules=[], usage={"ask": False})
    trace, data = chunk_data(rig, b"")
    trace.pipe.feed(event("The river stands low. " * 1000))

    async def busy(*_: object, **__: object) -> None:
        raise WorkersBusy

    monkeypatch.setattr(rig.state.workers, "run", busy)
    run(passing.finish(rig.state, trace, data.flow))
    assert trace.look.watch.found.failed == "dlp: WorkersBusy" and trace.look.reason == "dlp: WorkersBusy"


def test_no_credential_gets_into_the_record_by_a_name(rig: Rig) -> None:
    flow = rig.flow(chat("hello"))
    rig.play(flow, "requestheaders", "request")
    call = {"id": CREDENTIAL, "function": {"name": "look-up", "arguments": "{}"}}
    body = {"id": "resp-1", "model": CREDENTIAL, "choices": [{"message": {"tool_calls": [call]}}]}
    trace = rig.reply(flow, json.dumps(body).encode())
    assert trace.reply is not None and trace.reply.response_id == "resp-1"
    assert (trace.reply.model, trace.reply.tool_calls) == ("[withheld]", (("[withheld]", "look-up"),))


def test_usage_in_headers_counts_where_the_body_has_none(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(services={"sanctioned": ["aws-bedrock"], "otherwise": "unsanctioned"})
    counts = {"x_amzn_bedrock_input_token_count": "7", "x_amzn_bedrock_output_token_count": "2"}
    for body, used in (
        (b'{"outputs": [{"text": "It stands low."}]}', (7, 2)),
        (b'{"inputTextTokenCount": 5, "results": [{"tokenCount": 3, "outputText": "Low."}]}', (5, 3)),
    ):
        host = "bedrock-runtime.us-east-1.amazonaws.com"
        flow = rig.flow(b'{"prompt": "How high?"}', host=host, path="/model/some.model-v1/invoke")
        rig.play(flow, "requestheaders", "request")
        usage = rig.reply(flow, body, **counts).usage
        assert usage is not None and usage.source == "reported"
        assert (usage.input_tokens, usage.output_tokens) == used
