from __future__ import annotations

import pytest
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import (
    GenAiOperationNameValues,
    GenAiProviderNameValues,
)

from weir.audit.exports import genai
from weir.audit.exports.genai import operation, provider


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"provider": "openai", "operation": "responses"}, ("openai", "chat")),
        ({"provider": "google-gemini", "operation": "generate_content"}, ("gcp.gemini", "generate_content")),
        ({"service": "ollama", "operation": "completions"}, ("ollama", "text_completion")),
        ({}, ("", "")),
    ],
)
def test_names(row: dict[str, str], named: tuple[str, str]) -> None:
    assert (provider(row), operation(row)) == named


def test_names_that_are_translated_are_well_known_ones() -> None:
    assert set(genai._PROVIDERS.values()) <= {item.value for item in GenAiProviderNameValues}
    assert set(genai._OPERATIONS.values()) <= {item.value for item in GenAiOperationNameValues}
