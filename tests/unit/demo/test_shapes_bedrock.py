"""The Bedrock double: what boto3's own event stream parser makes of it, and who may ask."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from weir.demo.shapes import Answer, Ask
from weir.demo.shapes_bedrock import answer, error, frame

KEYS = frozenset({"the-key"})
CHAT = {"system": [{"text": "be brief"}], "messages": [{"role": "user", "content": [{"text": "call Anna"}]}]}
SPEC = {"name": "dial", "inputSchema": {"json": {"properties": {"who": {"type": "string"}}}}}


def call(
    operation: str, body: dict[str, Any], model: str = "some.model-v1:0", key: str = "the-key", **o: str
) -> Answer:
    headers = {"authorization": f"Bearer {key}"}
    return answer(Ask("POST", f"/model/{model}/{operation}", {}, headers, json.dumps(body).encode(), o), KEYS)


def events(reply: Answer) -> list[tuple[str, Any]]:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(reply.parts))
    return [(event.headers[":event-type"], json.loads(event.payload)) for event in buffer]  # it checks the checksums


def test_converse_repeats_and_counts() -> None:
    whole = json.loads(call("converse", CHAT, cached="7").body)
    assert whole["output"]["message"] == {"role": "assistant", "content": [{"text": "You said: call Anna"}]}
    assert whole["stopReason"] == "end_turn"
    assert whole["usage"]["inputTokens"] == 5 and whole["usage"]["outputTokens"] == 5
    assert whole["usage"]["cacheReadInputTokens"] == 7


def test_the_stream_says_the_same_in_pieces() -> None:
    reply = call("converse-stream", CHAT, pieces="4")
    assert reply.content_type == "application/vnd.amazon.eventstream"
    found = events(reply)
    assert [name for name, _ in found[:2]] == ["messageStart", "contentBlockDelta"]
    said = "".join(value["delta"]["text"] for name, value in found if name == "contentBlockDelta")
    assert said == "You said: call Anna"
    assert [name for name, _ in found[-3:]] == ["contentBlockStop", "messageStop", "metadata"]
    assert found[-1][1]["usage"]["outputTokens"] == 5


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
def test_a_tool_is_called_and_its_answer_ends_it(operation: str) -> None:
    reply = call(operation, {**CHAT, "toolConfig": {"tools": [{"toolSpec": SPEC}]}})
    if reply.events is None:
        used = json.loads(reply.body)["output"]["message"]["content"][0]["toolUse"]
        given = used["input"]
    else:
        found = events(reply)
        used = next(value["start"]["toolUse"] for name, value in found if name == "contentBlockStart")
        deltas = [value["delta"]["toolUse"]["input"] for name, value in found if name == "contentBlockDelta"]
        given = json.loads("".join(deltas))
    assert used["name"] == "dial" and given == {"who": "You said: call Anna"}
    result = {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "done"}]}}]}
    after = call("converse", {"messages": [result], "toolConfig": {"tools": [{"toolSpec": SPEC}]}})
    assert json.loads(after.body)["output"]["message"]["content"] == [{"text": "You said: done"}]


def test_invoke_in_the_vendors_formats_with_counts_in_headers() -> None:
    messages = [{"role": "user", "content": "call Anna"}]
    claude = call("invoke", {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": messages})
    assert json.loads(claude.body)["content"] == [{"type": "text", "text": "You said: call Anna"}]
    mistral = call("invoke", {"prompt": "call Anna"})
    assert json.loads(mistral.body) == {"outputs": [{"text": "You said: call Anna", "stop_reason": "stop"}]}
    titan = call("invoke", {"inputText": "call Anna"})
    assert json.loads(titan.body)["results"][0]["outputText"] == "You said: call Anna"
    embedded = call("invoke", {"inputText": "call Anna"}, model="amazon.titan-embed-text-v2:0")
    assert len(json.loads(embedded.body)["embedding"]) == 8
    for reply in (claude, mistral, titan, embedded):
        assert dict(reply.headers)["x-amzn-bedrock-input-token-count"] == "3"


@pytest.mark.parametrize("body", [{"prompt": "hi"}, {"inputText": "hi"}, {"anthropic_version": "v", "messages": []}])
def test_an_invoked_stream_holds_the_vendors_events_in_base64(body: dict[str, Any]) -> None:
    found = [value for name, value in events(call("invoke-with-response-stream", body)) if name == "chunk"]
    inner = [json.loads(base64.b64decode(value["bytes"])) for value in found]
    assert inner[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 0


def test_who_may_not() -> None:
    assert call("converse", CHAT, key="another").status == 403
    form = "AWS4-HMAC-SHA256 Credential=AKIADOUBLEDOUBLEABCD/20260102/us-east-1/bedrock/aws4_request, "
    form += f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    headers = {"authorization": form, "host": "h", "x-amz-date": "20260102T000000Z"}
    refused = answer(Ask("POST", "/model/m/converse", {}, headers, b"{}"), KEYS)
    assert refused.status == 403 and ("x-amzn-errortype", "InvalidSignatureException") in refused.headers


def test_odd_requests() -> None:
    assert call("explode", {}).status == 404
    assert answer(Ask("POST", "/model/m/converse", {}, {"authorization": "Bearer the-key"}, b"["), KEYS).status == 400
    assert json.loads(error(500, "down").body) == {"message": "down"}


def test_a_frame_is_what_botocore_reads() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(frame({":event-type": "x", "y": "zé"}, b"payload"))
    (event,) = buffer
    assert event.headers == {":event-type": "x", "y": "zé"} and event.payload == b"payload"
