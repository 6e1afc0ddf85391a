"""The Cohere double: shapes of its second API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weir.demo.shapes import Answer, Ask, vector
from weir.demo.shapes_cohere import answer, error

KEYS = frozenset({"the-key"})
CHAT = {"model": "command-a", "messages": [{"role": "user", "content": "call Anna"}]}
TOOL = {"type": "function", "function": {"name": "dial", "parameters": {"properties": {"who": {"type": "string"}}}}}


def call(path: str, body: Any, key: str = "the-key") -> Answer:
    return answer(Ask("POST", path, {}, {"authorization": f"Bearer {key}"}, json.dumps(body).encode()), KEYS)


def events(reply: Answer) -> list[Any]:
    assert reply.events is not None and reply.events[-1] == b"data: [DONE]\n\n"
    return [json.loads(part.partition(b"data: ")[2]) for part in reply.events[:-1]]


def test_a_chat_is_repeated_and_what_is_billed_is_less_than_what_is_counted() -> None:
    whole = json.loads(call("/v2/chat", CHAT).body)
    assert whole["message"]["content"] == [{"type": "text", "text": "You said: call Anna"}]
    assert whole["usage"]["billed_units"] == {"input_tokens": 3, "output_tokens": 5}
    assert whole["usage"]["tokens"]["input_tokens"] > 3 and "model" not in whole


def test_the_stream_says_the_same() -> None:
    found = events(call("/v2/chat", {**CHAT, "stream": True}))
    said = "".join(e["delta"]["message"]["content"]["text"] for e in found if e["type"] == "content-delta")
    assert said == "You said: call Anna"
    assert found[-1]["delta"]["usage"]["billed_units"]["output_tokens"] == 5


def test_tools_plain_and_streamed() -> None:
    asked = {**CHAT, "tools": [TOOL]}
    (used,) = json.loads(call("/v2/chat", asked).body)["message"]["tool_calls"]
    assert used["function"] == {"name": "dial", "arguments": '{"who": "You said: call Anna"}'}
    deltas = [e for e in events(call("/v2/chat", {**asked, "stream": True})) if e["type"] == "tool-call-delta"]
    spelled = "".join(e["delta"]["message"]["tool_calls"]["function"]["arguments"] for e in deltas)
    assert json.loads(spelled) == {"who": "You said: call Anna"}
    answered = [*CHAT["messages"], {"role": "tool", "tool_call_id": "1", "content": "done"}]
    after = json.loads(call("/v2/chat", {**asked, "messages": answered}).body)
    assert after["message"]["content"][0]["text"] == "You said: done"


def test_embeddings_and_ranks_depend_on_the_texts() -> None:
    embedded = json.loads(call("/v2/embed", {"model": "embed-v4.0", "texts": ["a", "b"]}).body)
    assert embedded["embeddings"]["float"] == [vector("a"), vector("b")]
    assert embedded["meta"]["billed_units"]["input_tokens"] == 2
    ranked = json.loads(call("/v2/rerank", {"model": "rerank-v3.5", "documents": ["a", "b", "c"], "top_n": 2}).body)
    scores = [row["relevance_score"] for row in ranked["results"]]
    assert len(scores) == 2 and scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("path", "body", "key", "status"),
    [
        ("/v2/chat", CHAT, "another", 401),
        ("/v9/chat", CHAT, "the-key", 404),
        ("/v2/chat", [], "the-key", 400),
        ("/v2/chat", {}, "the-key", 400),
    ],
)
def test_odd_requests(path: str, body: Any, key: str, status: int) -> None:
    reply = call(path, body, key)
    assert reply.status == status and json.loads(reply.body)["message"]
    assert json.loads(error(503, "down").body)["message"] == "down"
