"""The Responses double: numbered, named events that add up to the final response."""

from __future__ import annotations

import json
from typing import Any

from weir.demo.shapes import Answer, Ask
from weir.demo.shapes_responses import response

TOOL = {"type": "function", "name": "dial", "parameters": {"properties": {"who": {"type": "string"}}}}


def ask(options: dict[str, str] | None = None, **value: Any) -> Answer:
    body = {"model": "gpt-5-mini", **value}
    return response(Ask("POST", "/v1/responses", body=json.dumps(body).encode(), options=options or {}), body)


def events(reply: Answer) -> list[dict[str, Any]]:
    assert reply.events is not None
    values = []
    for part in reply.events:
        name, data = part.decode().strip().split("\n")
        values.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {values[-1]['type']}"
    return values


def test_plain_text_and_items() -> None:
    assert json.loads(ask(input="hi").body)["output"][0]["content"][0]["text"] == "You said: hi"
    turns = [
        {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
        {"role": "assistant", "content": "two"},
    ]
    assert json.loads(ask(input=turns).body)["output"][0]["content"][0]["text"] == "You said: one"


def test_stream_ends_with_the_whole_response_and_its_usage() -> None:
    values = events(ask(input="call Anna", stream=True))
    assert [value["sequence_number"] for value in values] == list(range(len(values)))
    assert values[0]["type"] == "response.created"
    assert values[0]["response"]["usage"] is None
    assert values[-1]["type"] == "response.completed"
    assert values[-1]["response"]["usage"]["output_tokens"] > 0
    text = "".join(value["delta"] for value in values if value["type"] == "response.output_text.delta")
    assert text == "You said: call Anna" == values[-1]["response"]["output"][0]["content"][0]["text"]


def test_tool_call_in_pieces_and_its_answer() -> None:
    values = events(ask({"pieces": "2"}, input="hi", tools=[TOOL], stream=True))
    deltas = [value["delta"] for value in values if value["type"] == "response.function_call_arguments.delta"]
    assert json.loads("".join(deltas)) == {"who": "You said: hi"}
    assert len(deltas) > 5
    answered = [{"type": "function_call_output", "call_id": "1", "output": "busy"}]
    assert json.loads(ask(input=answered, tools=[TOOL]).body)["output"][0]["content"][0]["text"] == "You said: busy"


def test_usage_details() -> None:
    usage = json.loads(ask({"cached": "10", "reasoning": "20"}, input="abcd", instructions="efgh").body)["usage"]
    assert usage["input_tokens_details"] == {"cached_tokens": 10}
    assert usage["output_tokens_details"] == {"reasoning_tokens": 20}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens"] == 10 + 3  # "efgh\nabcd"
