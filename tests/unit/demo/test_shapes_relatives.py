"""Mistral's and Groq's doubles: OpenAI's format, and where their own usage stands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weir.demo.shapes import Answer, Ask
from weir.demo.shapes_relatives import groq, mistral

KEYS = frozenset({"the-key"})
CHAT = {"model": "some-model", "messages": [{"role": "user", "content": "call Anna"}]}


def ask(path: str, body: Any, key: str = "the-key") -> Ask:
    return Ask("POST", path, {}, {"authorization": f"Bearer {key}"}, json.dumps(body).encode())


def events(reply: Answer) -> list[Any]:
    assert reply.events is not None and reply.events[-1] == b"data: [DONE]\n\n"
    return [json.loads(part.removeprefix(b"data: ")) for part in reply.events[:-1]]


def said(found: list[Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in found for choice in chunk["choices"])


def test_mistral_reports_usage_with_the_end_of_the_answer_unasked() -> None:
    found = events(mistral(ask("/v1/chat/completions", {**CHAT, "stream": True}), KEYS))
    assert said(found) == "You said: call Anna"
    assert [("usage" in chunk) for chunk in found] == [False] * (len(found) - 1) + [True]
    assert found[-1]["choices"][0]["finish_reason"] == "stop" and found[-1]["usage"]["prompt_tokens"] == 3
    whole = json.loads(mistral(ask("/v1/chat/completions", CHAT), KEYS).body)
    assert whole["choices"][0]["message"]["content"] == "You said: call Anna" and "service_tier" not in whole


def test_groq_reports_it_under_a_name_of_its_own() -> None:
    found = events(groq(ask("/openai/v1/chat/completions", {**CHAT, "stream": True}), KEYS))
    assert said(found) == "You said: call Anna"
    assert found[0]["x_groq"]["id"] and found[-1]["x_groq"]["usage"]["completion_tokens"] == 5
    whole = json.loads(groq(ask("/openai/v1/chat/completions", CHAT), KEYS).body)
    assert whole["usage"]["prompt_tokens"] == 3 and whole["x_groq"]["id"]


@pytest.mark.parametrize(("double", "prefix"), [(mistral, ""), (groq, "/openai")])
def test_embeddings_and_refusals(double: Any, prefix: str) -> None:
    embedded = json.loads(double(ask(f"{prefix}/v1/embeddings", {"model": "m", "input": ["a"]}), KEYS).body)
    assert len(embedded["data"][0]["embedding"]) == 8
    assert double(ask(f"{prefix}/v1/chat/completions", CHAT, "another"), KEYS).status == 401
    assert double(ask(f"{prefix}/v1/odd", CHAT), KEYS).status == 404
    assert double(ask(f"{prefix}/v1/chat/completions", [1]), KEYS).status == 400


def test_groq_lives_below_its_own_path() -> None:
    assert groq(ask("/v1/chat/completions", CHAT), KEYS).status == 404
