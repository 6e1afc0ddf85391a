from __future__ import annotations

import random
import string

import pytest

from weir.model import Endpoint, Exchange, Finding, Segment
from weir.providers.wire.words import is_plain_word, plausible_model, recordable_model


@pytest.mark.parametrize(
    "text",
    [
        "user", "tool_choice", "maxOutputTokens", "additionalProperties", "image/png", "STOP", "MAX_TOKENS", "AUTO",
        "high", "response.output_text", "$schema", "argument_12", "x-api-key",
    ],
)  # fmt: skip
def test_words(text: str) -> None:
    assert is_plain_word(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "two words", "4111111111111111", "a@b.co", "1.2.3.4", "AKIA" + "ABCDEFGHIJKLMNOP", "ghp_" + "a" * 36,
        "abcdefghijklmnopqrstuvwxyzabcdefgh", "web_search_20250305", "a" * 16, "naïve", "x1y2z3", "user\n",
    ],
)  # fmt: skip
def test_no_words(text: str) -> None:
    assert not is_plain_word(text)


def test_random_keys_are_no_words() -> None:
    """Not even those that happen to have no digit."""
    rng = random.Random(7)
    for alphabet in (string.ascii_letters, string.ascii_uppercase, string.ascii_lowercase):
        for _ in range(2000):
            assert not is_plain_word("".join(rng.choices(alphabet, k=32)))


@pytest.mark.parametrize(
    "text",
    [
        "gpt-5-mini", "models/gemini-2.5-pro", "meta-llama/Llama-4:free", "ft:gpt-4o-mini-2024-07-18:org::abc",
        "us.anthropic.claude-3-7-sonnet-20250219-v1:0", "m" * 120,
    ],
)  # fmt: skip
def test_models(text: str) -> None:
    assert plausible_model(text) == text


@pytest.mark.parametrize("text", ["", "gpt 5", "gpt-5#say=x", "m" * 121, "gpt-5\n", "modèle", "=cmd|x", "a\x00"])
def test_no_models(text: str) -> None:
    assert plausible_model(text) == ""


KEY = "AKIA" + "A2B3" * 4


@pytest.mark.parametrize(
    ("model", "text", "start", "end", "recorded"),
    [
        (KEY, KEY, 0, 20, ""),
        ("gpt-" + KEY, "gpt-" + KEY, 4, 24, ""),
        (KEY, f"/v1beta/models/{KEY}:generateContent", 15, 35, ""),
        (KEY, f"x-{KEY}-y", 0, 24, ""),
        ("gpt-5", f"gpt-5 and {KEY}", 10, 30, "gpt-5"),
        ("", KEY, 0, 20, ""),
    ],
)
def test_a_key_is_not_recorded_as_a_model(model: str, text: str, start: int, end: int, recorded: str) -> None:
    exchange = Exchange(Endpoint("", "", ""), model, False, (Segment("/model#key", "parameter", text),))
    assert recordable_model(exchange, [Finding("secret/x", "secret", 0, start, end, 1.0)]) == recorded
    assert recordable_model(exchange, []) == model
    assert recordable_model(exchange, [Finding("secret/x", "secret", 7, start, end, 1.0)]) == model
