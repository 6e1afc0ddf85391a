"""Which requests use a budget, and the bound of what they may use."""

from __future__ import annotations

from typing import Any

import pytest

from weir.limits.budget import AMOUNT_MAX
from weir.limits.estimate import bounds, counted, hidden_model, output_bound


@pytest.mark.parametrize(
    ("method", "operation", "model", "does"),
    [
        ("POST", "chat", "", True),
        ("POST", "embeddings", "m", True),
        ("POST", "audio", "", True),
        ("POST", "", "gpt-5", True),  # unknown, but it names a model
        ("POST", "", "", False),  # telemetry, and whatever else has no model
        ("POST", "count_tokens", "m", False),
        ("POST", "files", "", False),
        ("POST", "batches", "", False),
        ("POST", "batches", "m", True),  # its requests are seen: there must be room for them
        ("POST", "files", "m", True),
        ("GET", "chat", "m", False),
        ("post", "chat", "m", True),  # servers there are that don't mind
        ("QUERY", "chat", "m", True),
        ("get", "chat", "m", False),
        ("DELETE", "responses", "m", False),
    ],
)
def test_what_makes_a_model_work_is_counted(method: str, operation: str, model: str, does: bool) -> None:
    assert counted(method, operation, model) is does


@pytest.mark.parametrize(
    ("operation", "parameters", "bound"),
    [
        ("chat", {"max_tokens": 100}, 100),
        ("chat", {"max_tokens": 100, "n": 3}, 300),
        ("chat", {}, 4096),
        ("chat", {"n": 2}, 8192),
        ("completions", {"max_tokens": 5, "n": 2, "best_of": 4}, 20),
        ("generate", {"max_tokens": -1}, 4096),  # no bound, to Ollama
        ("chat", {"max_tokens": 0.5}, 1),
        ("chat", {"max_tokens": True}, 4096),
        ("chat", {"max_tokens": "many"}, 4096),
        ("chat", {"max_tokens": "100", "n": " 3 "}, 300),
        ("completions", {"max_tokens": 100, "prompts": 20}, 2000),
        ("chat", {"max_tokens": 10**30, "n": 10**30}, AMOUNT_MAX // 2),
        ("embeddings", {"max_tokens": 100}, 0),
        ("rerank", {}, 0),
    ],
)
def test_the_output_is_bounded_as_the_request_says(operation: str, parameters: dict[str, Any], bound: int) -> None:
    assert output_bound(operation, parameters, 4096) == bound


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"max_tokens": 5, "max_completion_tokens": 100000}', {"max_tokens": 100000}),
        (b'{"max_tokens": 100000, "max_completion_tokens": 5}', {"max_tokens": 100000}),
        (b'{"max_tokens": 5, "max\\u005fcompletion_tokens": 100000}', {"max_tokens": 100000}),
        (b'{"n": 1, "best_of": "64"}', {"n": 64}),
        (
            b'{"generationConfig": {"maxOutputTokens": 1}, "generation_config": {"max_output_tokens": 9}}',
            {"max_tokens": 9},
        ),
        (b'{"type": "response.create", "response": {"max_output_tokens": 20}}', {"max_tokens": 20}),
        (b'{"prompt": ["a", "b", "c"]}', {"prompts": 3}),
        (b'{"prompt": [[1, 2], [3]]}', {"prompts": 2}),
        (b'{"prompt": [1, 2, 3]}', {}),  # one prompt, as token ids
        (b'{"messages": [{"max_tokens": 7}], "max_tokens": -1}', {}),
        (b"[1]", {}),
        (b"--boundary", {}),
        (b"", {}),
    ],
)
def test_of_several_bounds_the_largest_counts(body: bytes, found: dict[str, object]) -> None:
    assert bounds(body, "completions") == found


def test_prompts_are_many_only_where_each_is_answered() -> None:
    assert bounds(b'{"prompt": ["a", "b"]}', "images") == {}


@pytest.mark.parametrize(
    ("model", "body", "unparsed", "name"),
    [
        ("gpt-5", b'{"model": "gpt-5"}', False, "gpt-5"),
        ("", b'{"model": " gpt-5 "}', False, "?"),
        ("", b'{"input": "x"}', False, ""),
        ("", b'{"model": null}', False, ""),
        ("", b'{"model" :"", "input": "x"}', False, ""),
        ("", b'{"model": ["gpt-5"]}', False, "?"),
        ("", b'{"a": 1, "a": 2}', True, "?"),
    ],
)
def test_a_model_that_cannot_be_read_has_a_name_of_its_own(model: str, body: bytes, unparsed: bool, name: str) -> None:
    assert hidden_model(model, body, unparsed=unparsed) == name
