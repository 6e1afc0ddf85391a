from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Inspection, Reply
from weir.providers.formats.openai_batches import OpenAIBatches, OpenAIResults

ENDPOINT = Endpoint("openai", "openai_batches", "batches")
USAGE = {"input_tokens": 30, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 10}}


def told(**batch: Any) -> Reply:
    reader = OpenAIBatches().reader(Exchange(ENDPOINT, "", False), "application/json")
    reader.feed(json.dumps({"object": "batch", "id": "batch_1", "model": "gpt-4o", **batch}).encode())
    reader.close()
    return reader.reply()


def test_the_requests_are_elsewhere() -> None:
    found = OpenAIBatches().parse(b'{"input_file_id": "file-1", "metadata": {"note": "for jane"}}', ENDPOINT)
    assert (found.inspection, found.reason) == (Inspection.PARTIAL, "requests in a file kept by the provider")
    assert any(s.text == "for jane" for s in found.segments)


@pytest.mark.parametrize("status", ["completed", "expired", "cancelled"])
def test_a_batch_that_is_over_says_what_its_result_file_does(status: str) -> None:
    reply = told(status=status, usage=USAGE, output_file_id="file-2")
    ((model, used),) = reply.by_model
    assert (model, used.input_tokens, used.cache_read_tokens, used.tier) == ("gpt-4o", 30, 10, "batch")
    assert (reply.usage_of, reply.response_id, reply.usage) == ("file-2", "batch_1", None)


@pytest.mark.parametrize(
    "batch",
    [
        {"status": "in_progress", "usage": USAGE},
        {"status": "completed", "usage": None},
        {"status": "completed", "usage": {"input_tokens": 0, "output_tokens": 0}},
        {"object": "list", "usage": USAGE, "status": "completed"},
    ],
)
def test_nothing_else_is_counted(batch: dict[str, Any]) -> None:
    assert told(**batch).by_model == ()


def test_a_line_is_read_by_what_its_reply_calls_itself() -> None:
    reader = OpenAIResults().reader(Exchange(ENDPOINT, "", False), "application/octet-stream")
    bodies = (
        {"object": "chat.completion", "model": "gpt-4o", "choices": [], "usage": {"prompt_tokens": 1}},
        {"object": "text_completion", "model": "gpt-4o", "choices": [], "usage": {"prompt_tokens": 2}},
        {"object": "response", "model": "gpt-4o", "output": [], "usage": {"input_tokens": 4}},
        {"object": "list", "model": "gpt-4o", "data": [], "usage": {"prompt_tokens": 8}},
        {"created": 1, "data": [], "model": "gpt-4o", "usage": {"input_tokens": 16, "output_tokens": 0}},
    )
    for number, body in enumerate(bodies):
        line = {"custom_id": str(number), "response": {"status_code": 200, "body": body}}
        reader.feed(json.dumps(line).encode() + b"\n")
    reader.close()
    assert [(model, used.input_tokens) for model, used in reader.reply().by_model] == [("gpt-4o", 31)]
