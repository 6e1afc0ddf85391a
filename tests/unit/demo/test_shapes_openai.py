"""The OpenAI double: shapes, and usage exactly where the real one reports it."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from weir.demo.shapes import Answer, Ask, vector
from weir.demo.shapes_openai import answer, compatible

KEYS = frozenset({"the-key"})
USER = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "call Anna"}]
TOOL = {"type": "function", "function": {"name": "dial", "parameters": {"properties": {"who": {"type": "string"}}}}}


def call(path: str, value: dict[str, Any] | None, key: str = "the-key", **options: str) -> Answer:
    body = b"" if value is None else json.dumps({"model": "gpt-5-mini", **value}).encode()
    method = "GET" if value is None else "POST"
    return answer(Ask(method, path, headers={"authorization": f"Bearer {key}"}, body=body, options=options), KEYS)


def chat(options: dict[str, str] | None = None, **value: Any) -> Answer:
    return call("/v1/chat/completions", {"messages": USER, **value}, **(options or {}))


def events(reply: Answer) -> list[Any]:
    assert reply.content_type.startswith("text/event-stream")
    assert reply.events is not None
    assert reply.events[-1] == b"data: [DONE]\n\n"
    return [json.loads(part.removeprefix(b"data: ")) for part in reply.events[:-1]]


def test_a_wrong_key_is_refused_in_the_provider_s_shape() -> None:
    reply = call("/v1/chat/completions", {"messages": USER}, key="another")
    assert reply.status == 401
    assert json.loads(reply.body)["error"]["code"] == "invalid_api_key"
    assert b"another" not in reply.body


def test_a_compatible_server_takes_any_key() -> None:
    body = json.dumps({"model": "m", "messages": USER}).encode()
    assert compatible(Ask("POST", "/v1/chat/completions", body=body), KEYS).status == 200


def test_plain_chat() -> None:
    value = json.loads(chat().body)
    assert value["object"] == "chat.completion"
    assert value["choices"][0]["message"]["content"] == "You said: call Anna"
    assert value["usage"]["total_tokens"] == value["usage"]["prompt_tokens"] + value["usage"]["completion_tokens"]
    assert len(json.loads(chat(n=3).body)["choices"]) == 3


def test_cached_and_reasoning_tokens_are_parts_of_the_totals() -> None:
    bare, rich = (json.loads(chat(options).body)["usage"] for options in ({}, {"cached": "64", "reasoning": "32"}))
    assert rich["prompt_tokens"] == bare["prompt_tokens"] + 64
    assert rich["completion_tokens"] == bare["completion_tokens"] + 32
    assert rich["prompt_tokens_details"]["cached_tokens"] == 64
    assert rich["completion_tokens_details"]["reasoning_tokens"] == 32


def test_a_stream_says_nothing_of_usage_unless_asked() -> None:
    chunks = events(chat(stream=True))
    assert all("usage" not in chunk for chunk in chunks)
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "You said: call Anna"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert all("obfuscation" in chunk for chunk in chunks)


def test_a_stream_asked_for_usage_has_null_in_all_chunks_but_an_extra_last() -> None:
    chunks = events(chat(stream=True, stream_options={"include_usage": True, "include_obfuscation": False}))
    assert all(chunk["usage"] is None and chunk["choices"] for chunk in chunks[:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == json.loads(chat().body)["usage"]
    assert all("obfuscation" not in chunk for chunk in chunks)


def test_a_tool_is_called_with_what_the_user_said() -> None:
    called = json.loads(chat(tools=[TOOL]).body)["choices"][0]
    assert called["finish_reason"] == "tool_calls"
    assert called["message"]["content"] is None
    function = called["message"]["tool_calls"][0]["function"]
    assert (function["name"], json.loads(function["arguments"])) == ("dial", {"who": "You said: call Anna"})


def test_a_streamed_tool_call_comes_in_pieces() -> None:
    deltas = [chunk["choices"][0]["delta"] for chunk in events(chat({"pieces": "3"}, tools=[TOOL], stream=True))]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert calls[0]["function"] == {"name": "dial", "arguments": ""}
    spelled = "".join(call["function"]["arguments"] for call in calls)
    assert json.loads(spelled) == {"who": "You said: call Anna"}
    assert len(calls) > 5


def test_a_tool_s_result_is_answered_in_words() -> None:
    turns = [*USER, {"role": "tool", "tool_call_id": "1", "content": "busy"}]
    assert json.loads(chat(messages=turns, tools=[TOOL]).body)["choices"][0]["message"]["content"] == "You said: busy"
    assert json.loads(chat(tools=[TOOL], tool_choice="none").body)["choices"][0]["message"]["content"]


def test_legacy_completions() -> None:
    assert json.loads(call("/v1/completions", {"prompt": "abc"}).body)["choices"][0]["text"] == "You said: abc"
    bare = events(call("/v1/completions", {"prompt": "abc", "stream": True}))
    assert all("usage" not in chunk for chunk in bare)
    asked = {"prompt": "abc", "stream": True, "stream_options": {"include_usage": True}}
    chunks = events(call("/v1/completions", asked))
    assert chunks[-1]["usage"]["prompt_tokens"] == 1
    assert chunks[0]["usage"] is None


def test_embeddings_in_both_encodings() -> None:
    rows = json.loads(call("/v1/embeddings", {"input": ["a", "b"]}).body)["data"]
    assert [row["embedding"] for row in rows] == [vector("a"), vector("b")]
    packed = json.loads(call("/v1/embeddings", {"input": "a", "encoding_format": "base64"}).body)["data"][0]
    assert list(struct.unpack("<8f", base64.b64decode(packed["embedding"]))) == vector("a")


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("/v1/nothing", {}, 404),
        ("/v1/chat/completions", {}, 400),
        ("/v1/chat/completions", {"messages": [], "model": "m"}, 400),
        ("/v1/chat/completions", None, 405),
        ("/v1/embeddings", {"input": []}, 400),
        ("/v1/models", None, 200),
        ("/v1/chat/completions", {"model": 3}, 400),
    ],
)
def test_what_else_can_be_asked(path: str, value: dict[str, Any] | None, status: int) -> None:
    assert call(path, value).status == status


def test_broken_json_is_a_400() -> None:
    headers = {"authorization": "Bearer the-key"}
    assert answer(Ask("POST", "/v1/chat/completions", headers=headers, body=b"{"), KEYS).status == 400
