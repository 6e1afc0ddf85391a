"""Dialects that have a module to themselves: each says no in its provider's words, and reads any JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Unparsed
from weir.providers.formats.others import other_dialects

DIALECTS = {dialect.id: dialect for dialect in other_dialects()}


def test_each_has_an_id_of_its_own() -> None:
    assert len(DIALECTS) == len(other_dialects())


def message(error: Any) -> str:
    """The message that a person reads, wherever a provider's error body has it."""
    if isinstance(error, list):
        return message(error[0])
    if isinstance(error, str):
        return error
    for name in ("message", "detail", "error", "errors"):
        if name in error:
            return message(error[name])
    raise AssertionError(error)


@pytest.mark.parametrize("dialect_id", sorted(DIALECTS))
@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_refusals_are_json_with_message_and_rule(dialect_id: str, status: int) -> None:
    assert message(json.loads(DIALECTS[dialect_id].refusal(status, "No.", "r-1"))) == "No. (weir rule: r-1)"


SHAPES = [
    ("gemini_cli", {"error": {"code": 403, "status": "PERMISSION_DENIED"}}),
    ("gemini_interactions", {"error": {"code": 403, "status": "PERMISSION_DENIED"}}),
    ("gemini_predict", {"error": {"code": 403, "status": "PERMISSION_DENIED"}}),
    ("replicate", {"title": "Permission denied", "status": 403}),
    ("huggingface", {"error_type": "validation"}),
    ("elevenlabs", {"detail": {"status": "forbidden"}}),
    ("watsonx", {"status_code": 403}),
    ("databricks", {"error_code": "PERMISSION_DENIED"}),
    ("dashscope", {"code": "AccessDenied"}),
    ("workers_ai", {"result": None, "success": False, "messages": []}),
    ("sagemaker", {"__type": "AccessDeniedException"}),
    ("snowflake_cortex", {"code": "403"}),
    ("stability", {"id": "r-1", "name": "permission_denied"}),
    ("prompt_detail", {"detail": "No. (weir rule: r-1)"}),
    ("prompt_json", {"error": {"type": "permission_error", "code": "r-1"}}),
]


@pytest.mark.parametrize(("dialect_id", "wanted"), SHAPES, ids=[row[0] for row in SHAPES])
def test_refusals_have_the_providers_shape(dialect_id: str, wanted: dict[str, Any]) -> None:
    found = json.loads(DIALECTS[dialect_id].refusal(403, "No.", "r-1"))
    for name, value in wanted.items():
        assert found[name].items() >= value.items() if isinstance(value, dict) else found[name] == value


@pytest.mark.parametrize("dialect_id", sorted(DIALECTS))
def test_a_body_that_is_no_object_is_unparsed(dialect_id: str) -> None:
    with pytest.raises(Unparsed):
        DIALECTS[dialect_id].parse(b"[1]", Endpoint("s", dialect_id, "chat"))


@pytest.mark.parametrize("dialect_id", sorted(DIALECTS))
def test_nobody_asks_these_for_usage(dialect_id: str) -> None:
    assert DIALECTS[dialect_id].ask_usage(b'{"stream":true}') is None
