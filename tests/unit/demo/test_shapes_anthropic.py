"""The Anthropic double: keys in both places, streams whose last usage stands for all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weir.demo.shapes import Answer, Ask
from weir.demo.shapes_anthropic import answer

KEYS = frozenset({"the-key"})
TOOL = {"name": "dial", "input_schema": {"properties": {"who": {"type": "string"}}}}
TURNS = [{"role": "user", "content": "call Anna"}]


def call(value: dict[str, Any], path: str = "/v1/messages", **options: str) -> Answer:
    headers = {"x-api-key": "the-key", "anthropic-version": "2023-06-01"}
    body = json.dumps({"model": "claude-x", "max_tokens": 9, "messages": TURNS, **value}).encode()
    return answer(Ask("POST", path, headers=headers, body=body, options=options), KEYS)


def events(reply: Answer) -> list[dict[str, Any]]:
    assert reply.events is not None
    values = [json.loads(part.split(b"\ndata: ")[1]) for part in reply.events]
    assert all(
        part.startswith(f"event: {value['type']}\n".encode()) for part, value in zip(reply.events, values, strict=True)
    )
    return values


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": "the-key", "anthropic-version": "1"}, 200),
        ({"authorization": "Bearer the-key", "anthropic-version": "1"}, 200),
        ({"x-api-key": "other", "anthropic-version": "1"}, 401),
        ({}, 401),
        ({"x-api-key": "the-key"}, 400),
    ],
)
def test_keys_and_version(headers: dict[str, str], status: int) -> None:
    body = json.dumps({"model": "m", "max_tokens": 1, "messages": TURNS}).encode()
    reply = answer(Ask("POST", "/v1/messages", headers=headers, body=body), KEYS)
    assert reply.status == status
    if status != 200:
        assert json.loads(reply.body)["type"] == "error"


def test_plain_message_keeps_cache_tokens_apart() -> None:
    value = json.loads(call({}, cached="50", cache_write="7").body)
    assert value["content"] == [{"type": "text", "text": "You said: call Anna"}]
    assert value["usage"]["input_tokens"] == 3  # nine characters
    assert (value["usage"]["cache_read_input_tokens"], value["usage"]["cache_creation_input_tokens"]) == (50, 7)


def test_stream() -> None:
    values = events(call({"stream": True}))
    kinds = [value["type"] for value in values]
    assert (kinds[0], kinds[1], kinds[-2], kinds[-1]) == (
        "message_start",
        "content_block_start",
        "message_delta",
        "message_stop",
    )
    assert "ping" in kinds
    text = "".join(value["delta"]["text"] for value in values if value["type"] == "content_block_delta")
    assert text == "You said: call Anna"
    assert values[0]["message"]["usage"]["output_tokens"] == 1
    assert values[-2]["usage"]["output_tokens"] == json.loads(call({}).body)["usage"]["output_tokens"]


def test_tool_use_plain_streamed_and_answered() -> None:
    block = json.loads(call({"tools": [TOOL]}).body)["content"][0]
    assert (block["type"], block["input"]) == ("tool_use", {"who": "You said: call Anna"})
    deltas = [value["delta"] for value in events(call({"tools": [TOOL], "stream": True})) if "delta" in value]
    spelled = "".join(delta["partial_json"] for delta in deltas if delta.get("type") == "input_json_delta")
    assert json.loads(spelled) == block["input"]
    result = [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "busy"}]}]
    assert json.loads(call({"tools": [TOOL], "messages": result}).body)["content"][0]["text"] == "You said: busy"


@pytest.mark.parametrize(
    ("value", "path", "status"),
    [
        ({"max_tokens": None}, "/v1/messages", 400),
        ({"max_tokens": None}, "/v1/messages/count_tokens", 200),
        ({"messages": []}, "/v1/messages", 400),
        ({}, "/v1/other", 404),
    ],
)
def test_what_else_can_be_asked(value: dict[str, Any], path: str, status: int) -> None:
    assert call(value, path).status == status
