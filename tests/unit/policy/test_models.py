"""Models that a request names beside its own: where they stand, and what only looks like one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weir.policy.models import besides
from weir.providers.services.registry import Registry
from weir.providers.wire.pointers import TEXTS_MAX

SAID = [{"role": "user", "content": "How high?"}]


def named(host: str, path: str, body: dict[str, Any]) -> tuple[str, ...]:
    registry = Registry.load()
    provider = registry.by_host(host)
    assert provider
    endpoint = provider.endpoint("POST", path, {})
    dialect = registry.dialect(endpoint.dialect)
    assert dialect
    return besides(dialect.parse(json.dumps(body).encode(), endpoint).segments)


CHAT = ("openrouter.ai", "/api/v1/chat/completions")


@pytest.mark.parametrize(
    ("where", "body", "found"),
    [
        (CHAT, {"model": "a", "messages": SAID}, ()),
        (CHAT, {"model": "a", "models": ["o3", "b"], "messages": SAID}, ("o3", "b")),
        (CHAT, {"models": ["b"], "messages": SAID}, ("b",)),
        (CHAT, {"model": "a", "Model": "b", "messages": SAID}, ("b",)),
        (CHAT, {"model": ["b"], "models": ["a"], "messages": SAID}, ("b", "a")),
        (CHAT, {"model": "two words", "messages": SAID}, ("two words",)),
        (CHAT, {"model": "a", "metadata": {"model": "b"}, "messages": SAID}, ()),
        (("api.openai.com", "/v1/realtime/client_secrets"), {"session": {"model": "b"}}, ("b",)),
        (("api.openai.com", "/v1/evals"), {"testing_criteria": [{"model": "b"}]}, ("b",)),
        (
            ("api.openai.com", "/v1/responses"),
            {"model": "a", "input": "x", "tools": [{"type": "image_generation", "model": "b"}]},
            ("b",),
        ),
        (
            ("api.anthropic.com", "/v1/messages/batches"),
            {"requests": [{"params": {"model": name, "messages": SAID}} for name in ("a", "b", "a")]},
            ("a", "b"),
        ),
        (
            ("api.anthropic.com", "/v1/messages"),
            {"model": "a", "messages": [{"role": "user", "content": [{"type": "tool_use", "input": {"model": "b"}}]}]},
            (),
        ),
        (
            ("generativelanguage.googleapis.com", "/v1beta/models/a:batchEmbedContents"),
            {"requests": [{"model": "models/b", "content": {"parts": [{"text": "x"}]}}]},
            ("b",),
        ),
    ],
)  # fmt: skip
def test_whatever_names_a_model(where: tuple[str, str], body: dict[str, Any], found: tuple[str, ...]) -> None:
    assert named(*where, body) == found


def test_what_has_no_place_of_its_own_may_name_any() -> None:
    many = {f"filler {number}": "text" for number in range(TEXTS_MAX)}
    assert named(*CHAT, {"model": "a", "metadata": many, "models": ["hidden-one"], "messages": SAID}) == ("#rest",)
