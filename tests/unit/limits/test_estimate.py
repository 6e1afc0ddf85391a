"""Which requests use a budget, and the bound of what they may use."""

from __future__ import annotations

from typing import Any

import pytest

from weir.limits.budget import AMOUNT_MAX
from weir.limits.estimate import counted, output_bound


@pytest.mark.parametrize(
    ("method", "operation", "model", "does"),
    [
        ("POST", "chat", "", True),
        ("POST", "embeddings", "m", True),
        ("POST", "audio", "", True),
        ("POST", "", "gpt-5", True),  # unknown, but it names a model
        ("POST", "", "", False),  # telemetry, and whatever else has no model
        ("POST", "count_tokens", "m", False),
        ("POST", "files", "m", False),
        ("POST", "batches", "m", False),
        ("GET", "chat", "m", False),
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
        ("chat", {"max_tokens": 10**30, "n": 10**30}, AMOUNT_MAX // 2),
        ("embeddings", {"max_tokens": 100}, 0),
        ("rerank", {}, 0),
    ],
)
def test_the_output_is_bounded_as_the_request_says(operation: str, parameters: dict[str, Any], bound: int) -> None:
    assert output_bound(operation, parameters, 4096) == bound
