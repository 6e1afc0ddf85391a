"""The Ollama double: lines of JSON, counts in the last."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weir.demo.shapes import Answer, Ask, vector
from weir.demo.shapes_ollama import answer, error

KEYS = frozenset({"the-key"})
CHAT = {"model": "gpt-oss:20b", "messages": [{"role": "user", "content": "call Anna"}]}
TOOL = {"type": "function", "function": {"name": "dial", "parameters": {"properties": {"who": {"type": "string"}}}}}


def call(path: str, body: Any, key: str = "the-key", method: str = "POST") -> Answer:
    return answer(Ask(method, path, {}, {"authorization": f"Bearer {key}"}, json.dumps(body).encode()), KEYS)


def lines(reply: Answer) -> list[Any]:
    assert reply.events is not None and all(part.endswith(b"\n") for part in reply.events)
    return [json.loads(part) for part in reply.events]


def test_it_streams_unless_told_not_to() -> None:
    found = lines(call("/api/chat", CHAT))
    assert "".join(line["message"]["content"] for line in found) == "You said: call Anna"
    assert [line["done"] for line in found[-2:]] == [False, True]
    assert (found[-1]["prompt_eval_count"], found[-1]["eval_count"]) == (3, 5)
    whole = json.loads(call("/api/chat", {**CHAT, "stream": False}).body)
    assert whole["message"]["content"] == "You said: call Anna" and whole["done"]


def test_generate() -> None:
    found = lines(call("/api/generate", {"model": "m", "prompt": "hi"}))
    assert "".join(line["response"] for line in found) == "You said: hi"


def test_a_tool_call_has_arguments_as_an_object() -> None:
    asked = {**CHAT, "tools": [TOOL], "stream": False}
    (used,) = json.loads(call("/api/chat", asked).body)["message"]["tool_calls"]
    assert used == {"function": {"name": "dial", "arguments": {"who": "You said: call Anna"}}}
    answered = [*CHAT["messages"], {"role": "tool", "content": "done"}]
    after = json.loads(call("/api/chat", {**asked, "messages": answered}).body)
    assert after["message"]["content"] == "You said: done"


def test_embeddings() -> None:
    whole = json.loads(call("/api/embed", {"model": "m", "input": ["a", "b"]}).body)
    assert whole["embeddings"] == [vector("a"), vector("b")] and whole["prompt_eval_count"] == 2
    assert json.loads(call("/api/embed", {"model": "m", "input": "a"}).body)["embeddings"] == [vector("a")]


@pytest.mark.parametrize(
    ("method", "path", "body", "key", "status"),
    [
        ("GET", "/api/tags", {}, "the-key", 200),
        ("GET", "/api/tags", {}, "another", 401),
        ("POST", "/api/odd", {}, "the-key", 404),
        ("POST", "/api/chat", [], "the-key", 400),
        ("POST", "/api/chat", {}, "the-key", 400),
    ],
)
def test_other_requests(method: str, path: str, body: Any, key: str, status: int) -> None:
    assert call(path, body, key, method).status == status
    assert json.loads(error(500, "down").body) == {"error": "down"}
