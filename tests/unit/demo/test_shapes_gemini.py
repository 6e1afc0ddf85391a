"""The Gemini double: both stream framings, usage in every chunk, Google's own way to refuse a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weir.demo.shapes import Answer, Ask, vector
from weir.demo.shapes_gemini import answer

KEYS = frozenset({"the-key"})
CONTENTS = [{"role": "user", "parts": [{"text": "call Anna"}]}]
MODEL = "/v1beta/models/gemini-2.5-flash"


def call(operation: str, value: dict[str, Any], query: dict[str, str] | None = None, **options: str) -> Answer:
    body = json.dumps(value).encode()
    headers = {"x-goog-api-key": "the-key"}
    return answer(Ask("POST", f"{MODEL}:{operation}", query or {}, headers, body, options), KEYS)


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"x-goog-api-key": "the-key"}, {}, 200),
        ({}, {"key": "the-key"}, 200),
        ({"x-goog-api-key": "other"}, {}, 400),
        ({}, {}, 403),
    ],
)
def test_keys(headers: dict[str, str], query: dict[str, str], status: int) -> None:
    body = json.dumps({"contents": CONTENTS}).encode()
    reply = answer(Ask("POST", f"{MODEL}:generateContent", query, headers, body), KEYS)
    assert reply.status == status
    if status == 400:
        assert json.loads(reply.body)["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_generate() -> None:
    value = json.loads(call("generateContent", {"contents": CONTENTS}, cached="5", reasoning="6").body)
    assert value["candidates"][0]["content"]["parts"] == [{"text": "You said: call Anna"}]
    assert value["candidates"][0]["finishReason"] == "STOP"
    assert value["modelVersion"] == "gemini-2.5-flash"
    usage = value["usageMetadata"]
    assert (usage["cachedContentTokenCount"], usage["thoughtsTokenCount"]) == (5, 6)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"] + 6


def test_stream_as_events_and_as_one_array() -> None:
    sse = call("streamGenerateContent", {"contents": CONTENTS}, {"alt": "sse"})
    assert sse.events is not None
    chunks = [json.loads(part.removeprefix(b"data: ")) for part in sse.events]
    array = call("streamGenerateContent", {"contents": CONTENTS})
    assert json.loads(b"".join(array.parts)) == chunks
    assert array.content_type.startswith("application/json")
    said = "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks)
    assert said == "You said: call Anna"
    counts = [chunk["usageMetadata"]["candidatesTokenCount"] for chunk in chunks]
    assert counts == sorted(counts)
    assert ["finishReason" in chunk["candidates"][0] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_function_call_and_its_response() -> None:
    tools = [{"functionDeclarations": [{"name": "dial", "parameters": {"properties": {"who": {"type": "STRING"}}}}]}]
    part = json.loads(call("generateContent", {"contents": CONTENTS, "tools": tools}).body)["candidates"][0]
    assert part["content"]["parts"] == [{"functionCall": {"name": "dial", "args": {"who": "You said: call Anna"}}}]
    answered = [{"role": "user", "parts": [{"functionResponse": {"name": "dial", "response": {"r": "busy"}}}]}]
    value = json.loads(call("generateContent", {"contents": answered, "tools": tools}).body)
    assert value["candidates"][0]["content"]["parts"][0]["text"] == 'You said: {"r": "busy"}'


def test_counts_and_embeddings() -> None:
    assert json.loads(call("countTokens", {"contents": CONTENTS}).body)["totalTokens"] == 3
    wrapped = {"generateContentRequest": {"contents": CONTENTS}}
    assert json.loads(call("countTokens", wrapped).body)["totalTokens"] == 3
    content = {"parts": [{"text": "a"}]}
    assert json.loads(call("embedContent", {"content": content}).body)["embedding"]["values"] == vector("a")
    batch = {"requests": [{"content": content}, {"content": {"parts": [{"text": "b"}]}}]}
    rows = json.loads(call("batchEmbedContents", batch).body)["embeddings"]
    assert [row["values"] for row in rows] == [vector("a"), vector("b")]


def test_what_is_not_there() -> None:
    assert call("dance", {}).status == 404
    assert call("generateContent", {}).status == 400
    assert call("streamGenerateContent", {}).status == 400
