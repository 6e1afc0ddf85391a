"""A policy file may hold anything: it loads, or it is refused with mistakes that quote nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from weir.settings import PolicyError, Settings, load, loads

CANARY = "sk-canary0123456789abcdef"
KEYS = [
    "version", "mode", "intercept", "services", "identity", "keys", "teams", "rules", "dlp", "limits", "audit", "id",
    "if", "unless", "then", "say", "finding", "status", "secret", "hosts", "networks", "cidr", "sanctioned",
    "examples", "expect", "text", CANARY,
]  # fmt: skip
VALUES = [1, 0.5, True, None, "observe", "block", "secret/*", "10.0.0.0/8", "5%", "32MiB", "env:X", CANARY, "{", ""]

trees = st.recursive(
    st.sampled_from(VALUES) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


def loaded(text: str) -> Settings | None:
    try:
        return loads(text, base=Path("/nowhere"))
    except PolicyError as error:
        assert error.mistakes
        for mistake in error.mistakes:
            assert mistake.line >= 1 and mistake.problem and mistake.remedy
            assert "\n" not in str(mistake)
            assert CANARY not in str(mistake)
        return None


@given(st.dictionaries(st.sampled_from(KEYS), trees, max_size=6))
def test_any_tree_loads_or_is_refused(tree: dict[str, Any]) -> None:
    settings = loaded(json.dumps({"version": 1} | tree))
    if settings is not None:
        assert settings == loads(json.dumps({"version": 1} | tree), base=Path("/nowhere"))


@given(st.text(max_size=200))
def test_any_text_loads_or_is_refused(text: str) -> None:
    loaded(text)


@given(st.data())
def test_any_damage_to_a_real_policy_is_survived(data: st.DataObject) -> None:
    text = (Path(__file__).parents[2] / "policies" / "enforce.yaml").read_text()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    loaded(text[:start] + data.draw(st.text(max_size=10)) + text[end:])


@given(content=st.binary(max_size=200))
def test_any_bytes_load_or_are_refused(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.mktemp("policy") / "p.yaml"
    path.write_bytes(content)
    try:
        load(path)
    except PolicyError as error:
        assert error.mistakes
