"""The company's key in the header that takes its kind."""

from __future__ import annotations

import pytest

from weir.keys.placing import placed
from weir.providers.services.registry import Registry

REGISTRY = Registry.load()
API, OAUTH = "AI" + "za" + "a" * 35, "ya29." + "b" * 40
OWN, OTHER = "x-goog-api-key", ("accept", "*/*")


@pytest.mark.parametrize(
    ("value", "before", "after"),
    [
        (API, [("Authorization", f"Bearer {API}")], [(OWN, API)]),
        (API, [("authorization", f"bearer  {API}")], [(OWN, API)]),
        (API, [("X-Goog-Api-Key", API)], [("X-Goog-Api-Key", API)]),
        (API, [("X-Goog-Api-Key", API), ("Authorization", f"Bearer {API}")], [("X-Goog-Api-Key", API)]),
        (OAUTH, [(OWN, OAUTH)], [("authorization", f"Bearer {OAUTH}")]),
        (OAUTH, [("Authorization", f"Bearer {OAUTH}")], [("Authorization", f"Bearer {OAUTH}")]),
        ("of-no-known-form", [("Authorization", "Bearer of-no-known-form")], None),
        (API, [("cookie", f"k={API}")], None),
    ],
)
def test_gemini_takes_no_api_key_for_a_token(
    value: str, before: list[tuple[str, str]], after: list[tuple[str, str]] | None
) -> None:
    provider = REGISTRY.by_id("google-gemini")
    assert provider is not None
    got = placed([OTHER, *before], value, provider.bearer, provider.auth, provider.key_patterns)
    assert got == [OTHER, *(before if after is None else after)]


@pytest.mark.parametrize(("service", "key"), [("openai", "sk-" + "proj-"), ("anthropic", "sk-ant-" + "api03-")])
def test_where_any_key_may_stand_nothing_moves(service: str, key: str) -> None:
    provider = REGISTRY.by_id(service)
    assert provider is not None and provider.bearer == ""
    lines = [("Authorization", f"Bearer {key}{'d' * 40}")]
    assert placed(lines, key + "d" * 40, provider.bearer, provider.auth, provider.key_patterns) == lines
