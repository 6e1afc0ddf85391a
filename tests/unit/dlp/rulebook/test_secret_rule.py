from __future__ import annotations

from typing import Any

import pytest

from weir.dlp.core.patterns import Deadline, Later, OutOfTime, compile_pattern
from weir.dlp.rulebook.near import NearPattern
from weir.dlp.rulebook.secret_rule import KEYWORD_REACH_CHARS, SecretRule


def rule(regex: str = r"k_([0-9a-z]{8})", **fields: Any) -> SecretRule:
    return SecretRule("secret/x", "", "high", "", compile_pattern(regex), **fields)


def found(subject: SecretRule, text: str) -> list[str]:
    return [text[start:end] for start, end in subject.spans(text, Deadline(60))]


@pytest.mark.parametrize(
    ("fields", "text", "expected"),
    [
        ({}, "a k_q7w2e9r1 b k_z8x3c4v6", ["k_q7w2e9r1", "k_z8x3c4v6"]),
        ({"group": 1}, "k_q7w2e9r1", ["q7w2e9r1"]),
        ({"keywords": ("acme",)}, "ACME key k_q7w2e9r1", ["k_q7w2e9r1"]),
        ({"keywords": ("acme",)}, "k_q7w2e9r1 for acme", []),
        ({"keywords": ("k_q",)}, "k_q7w2e9r1", ["k_q7w2e9r1"]),
        ({"keywords": ("acme",)}, "acme" + "." * KEYWORD_REACH_CHARS + "k_q7w2e9r1", []),
        ({"keywords": ("acme",), "reach": 9}, "acme key k_q7w2e9r1", ["k_q7w2e9r1"]),
        ({"keywords": ("acme",), "reach": 8}, "acme key k_q7w2e9r1", []),
        ({"group": 1, "entropy_min": 2.9}, "k_q7w2e9r1", ["q7w2e9r1"]),
        ({"group": 1, "entropy_min": 2.9}, "k_q7q7q7w2", []),
        ({"group": 1, "validator": "mixed"}, "k_qxwzekrn", []),
        ({"group": 1}, "k_aaaaaaaa", []),
        ({"group": 1}, "k_changeme", ["changeme"]),
        ({"group": 1, "filler": True}, "k_changeme", []),
    ],
)
def test_spans(fields: dict[str, Any], text: str, expected: list[str]) -> None:
    assert found(rule(**fields), text) == expected


def test_only_secrets_pass_over_samples() -> None:
    pattern = compile_pattern("k_[0-9a-z]{8}")
    custom = SecretRule("custom/x", "", "high", "", pattern)
    assert found(custom, "k_aaaaaaaa") == ["k_aaaaaaaa"] and custom.category == "custom"
    assert found(SecretRule("custom/x", "", "high", "", pattern, filler=True), "k_changeme") == []


def test_a_group_that_took_no_part_is_no_hit() -> None:
    assert found(rule(r"k_(?:([0-9]{8})|zz)", group=1), "k_zz") == []


def test_out_of_time_raises() -> None:
    with pytest.raises(OutOfTime):
        list(rule().spans("k_q7w2e9r1", Deadline(0)))


def test_repr_holds_no_example() -> None:
    assert "canary" not in repr(rule(match=("canary",), miss=("canary",)))


@pytest.mark.parametrize("wrap", [lambda pattern: pattern, lambda pattern: NearPattern(pattern, ["word"], 20)])
def test_what_was_put_off_can_be_done_early(wrap: Any) -> None:
    later = Later("k_([0-9a-z]{8})")
    subject = SecretRule("secret/x", "", "high", "", wrap(later))
    assert later._compiled is None
    subject.prepare()
    assert later._compiled is not None
    assert found(subject, "word k_1a2b3c4d") == ["k_1a2b3c4d"]
    rule().prepare()
