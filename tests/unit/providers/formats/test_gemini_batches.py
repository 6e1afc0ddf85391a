from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Inspection
from weir.providers.formats.gemini_batches import GeminiBatches, GeminiResults

ENDPOINT = Endpoint("google-gemini", "gemini_batches", "batches", model="gemini-2.5-flash")
EXCHANGE = Exchange(ENDPOINT, "", False)


def answer(tokens: int, model: str = "gemini-2.5-flash") -> dict[str, Any]:
    usage = {"promptTokenCount": tokens, "candidatesTokenCount": 1}
    parts = [{"text": "hi"}, {"functionCall": {"name": "look", "args": {}}}]
    return {"response": {"candidates": [{"content": {"parts": parts}}], "usageMetadata": usage, "modelVersion": model}}


def test_requests_in_a_file_are_not_seen() -> None:
    body = {"batch": {"displayName": "n", "inputConfig": {"fileName": "files/abc"}}}
    found = GeminiBatches().parse(json.dumps(body).encode(), ENDPOINT)
    assert found.inspection is Inspection.PARTIAL and found.reason == "requests in a file kept by the provider"


@pytest.mark.parametrize("place", ["response", "metadata"])
def test_usage_of_a_batch_that_is_over_goes_by_model(place: str) -> None:
    inline = {"inlinedResponses": {"inlinedResponses": [answer(3), answer(4), answer(5, "gemini-2.5-pro"), {}]}}
    doc: dict[str, Any] = {"name": "batches/b1", "metadata": {"model": "models/m", "state": "BATCH_STATE_SUCCEEDED"}}
    if place == "response":
        doc["response"] = inline
    else:
        doc["metadata"]["output"] = inline
    reader = GeminiBatches().reader(EXCHANGE, "application/json")
    reader.feed(json.dumps(doc).encode())
    reader.close()
    reply = reader.reply()
    used = {model: (usage.input_tokens, usage.output_tokens, usage.tier) for model, usage in reply.by_model}
    assert used == {"gemini-2.5-flash": (7, 2, "batch"), "gemini-2.5-pro": (5, 1, "batch")}
    assert reply.usage_of == "b1" and reply.tool_calls == (("", "look"),) * 3 and reply.text == "hihihi"


def test_a_batch_that_runs_tells_no_usage() -> None:
    reader = GeminiBatches().reader(EXCHANGE, "application/json")
    reader.feed(b'{"name":"batches/b1","metadata":{"state":"BATCH_STATE_RUNNING"}}')
    reader.close()
    assert reader.reply().by_model == () and reader.reply().finish_reason == "BATCH_STATE_RUNNING"


def test_a_result_file_is_read_line_by_line() -> None:
    lines = b"".join(json.dumps({"key": key, **answer(10)}).encode() + b"\n" for key in "abc")
    reader = GeminiResults().reader(EXCHANGE, "application/octet-stream")
    out = b"".join(reader.feed(lines[at : at + 5]) for at in range(0, len(lines), 5)) + reader.close()
    assert out == lines
    ((model, used),) = reader.reply().by_model
    assert model == "gemini-2.5-flash" and (used.input_tokens, used.tier) == (30, "batch")
