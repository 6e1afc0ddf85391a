from __future__ import annotations

import json
from typing import Any

from weir.model import Endpoint, Exchange
from weir.providers.formats.anthropic_batches import AnthropicBatches, AnthropicResults

ENDPOINT = Endpoint("anthropic", "anthropic_batches", "batches")


def body(*models: str) -> bytes:
    requests = [
        {
            "custom_id": f"q-{number}",
            "params": {
                "model": model,
                "system": "be brief",
                "messages": [{"role": "assistant", "content": "yes?"}, {"role": "user", "content": "hello jane"}],
                "tools": [{"name": f"tool-{number}"}],
            },
        }
        for number, model in enumerate(models)
    ]
    return json.dumps({"requests": requests}).encode()


def test_each_request_has_its_roles() -> None:
    found = AnthropicBatches().parse(body("claude-x"), ENDPOINT)
    roles = {s.pointer: s.role for s in found.segments}
    assert roles["/requests/0/params/system"] == "system"
    assert roles["/requests/0/params/messages/0/content"] == "assistant"
    assert roles["/requests/0/params/messages/1/content"] == "user"
    assert (found.model, found.tools, found.stream) == ("claude-x", ("tool-0",), False)


def test_edits_are_exact() -> None:
    data = body("claude-x", "claude-x")
    pointer = "/requests/1/params/messages/1/content"
    head, _, tail = data.rpartition(b"hello jane")
    assert AnthropicBatches().replace(data, {pointer: "hello <A>"}) == head + b"hello <A>" + tail


def test_where_requests_name_several_models_none_is_named() -> None:
    assert AnthropicBatches().parse(body("claude-x", "claude-y"), ENDPOINT).model == ""
    assert AnthropicBatches().parse(b'{"requests": []}', ENDPOINT).model == ""


def result(model: str, **usage: int) -> dict[str, Any]:
    return {
        "custom_id": "q",
        "result": {"type": "succeeded", "message": {"model": model, "content": [], "usage": usage}},
    }


def test_usage_adds_up_by_model() -> None:
    reader = AnthropicResults().reader(Exchange(ENDPOINT, "", False), "application/x-jsonl")
    lines = (
        result("claude-x", input_tokens=1, output_tokens=2),
        result("claude-y", input_tokens=10, cache_read_input_tokens=5, output_tokens=0),
        result("claude-x", input_tokens=3, output_tokens=4),
        {"custom_id": "r", "result": {"type": "expired"}},
    )
    for line in lines:
        reader.feed(json.dumps(line).encode() + b"\n")
    reader.close()
    found = [(model, used.input_tokens, used.output_tokens, used.tier) for model, used in reader.reply().by_model]
    assert found == [("claude-x", 4, 6, "batch"), ("claude-y", 15, 0, "batch")]
