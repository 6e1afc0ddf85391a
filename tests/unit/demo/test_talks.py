"""What OpenAI's doubles say over WebSockets, message by message."""

from __future__ import annotations

import json
from typing import Any

from weir.demo.shapes import Ask
from weir.demo.talks import talk_of

KEYS = frozenset({"the-key"})


def opened(path: str, key: str = "the-key", kind: str = "openai", **query: str) -> Any:
    return talk_of(Ask("GET", path, query, {"authorization": f"Bearer {key}"}), kind, KEYS)


def say(talk: Any, value: Any) -> list[dict[str, Any]]:
    return [json.loads(text) for text in talk.heard(json.dumps(value))]


def test_who_gets_none() -> None:
    assert opened("/v1/responses", key="another") is None
    assert opened("/v1/responses", kind="anthropic") is None
    assert opened("/v1/elsewhere") is None


def test_a_response_is_what_a_stream_would_be() -> None:
    talk = opened("/v1/responses")
    assert talk.opened() == []
    events = say(talk, {"type": "response.create", "model": "gpt-5", "input": "call Anna"})
    assert "".join(event.get("delta", "") for event in events) == "You said: call Anna"
    assert events[-1]["type"] == "response.completed" and events[-1]["response"]["usage"]["output_tokens"] == 5
    other = say(talk, {"type": "response.create", "model": "gpt-5", "input": "and Ben"})
    assert other[-1]["response"]["id"] != events[-1]["response"]["id"]


def test_a_warming_up_says_and_costs_nothing() -> None:
    events = say(opened("/v1/responses"), {"type": "response.create", "model": "gpt-5", "generate": False, "input": []})
    assert [event["type"] for event in events] == ["response.created", "response.completed"]
    assert events[-1]["response"]["output"] == [] and events[-1]["response"]["usage"]["total_tokens"] == 0


def test_the_realtime_interface_says_again_what_was_said() -> None:
    talk = opened("/v1/realtime", model="gpt-realtime")
    assert json.loads(talk.opened()[0])["session"]["model"] == "gpt-realtime"
    assert say(talk, {"type": "session.update", "session": {"a": 1}})[0]["type"] == "session.updated"
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "call Anna"}]}
    assert say(talk, {"type": "conversation.item.create", "item": item})[0]["type"] == "conversation.item.added"
    events = say(talk, {"type": "response.create"})
    assert "".join(event.get("delta", "") for event in events) == "You said: call Anna"
    assert events[-1]["response"]["usage"]["input_tokens"] == 3


def test_what_nobody_understands_is_an_error() -> None:
    for path in ("/v1/responses", "/v1/realtime"):
        for text in ("[", "[1]", '{"type": "odd"}'):
            assert [json.loads(one)["type"] for one in opened(path).heard(text)] == ["error"]
