"""Single rules: every condition, any-of and all-of, exceptions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from weir.model import Endpoint, Finding, Inspection, Principal, Service, Status
from weir.policy.case import Case
from weir.policy.rules import CompiledRule, Glob, compile_rule
from weir.settings import Rule


def rule(when: dict[str, Any], unless: dict[str, Any] | None = None, then: str = "block") -> CompiledRule:
    return compile_rule(Rule.model_validate({"id": "r", "if": when, "unless": unless, "then": then}))


def finding(detector: str, direction: str = "request") -> Finding:
    return Finding(detector, detector.partition("/")[0], 0, 0, 1, 1.0, direction=direction)


CASE = Case(
    principal=Principal(user="ann", team="finance", app="notebook", method="basic", strength=2),
    service=Service("openai", "OpenAI", "OpenAI Inc", "model-api", Status.SANCTIONED),
    endpoint=Endpoint("openai", "openai_chat", "chat"),
    model="gpt-5-mini",
    host="api.openai.com",
    names=("api.openai.com", "other.test"),
    is_ai=True,
    findings=(finding("secret/openai-key"), finding("pii/EMAIL_ADDRESS"), finding("pii/CRYPTO", "response")),
    tools=("read_file", "shell"),
    inspection=Inspection.PARTIAL,
    credential="raw",
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"service": "openai"}, True),
        ({"service": "OpenAI"}, True),
        ({"service": ["groq", "open*"]}, True),
        ({"service": "openai-*"}, False),
        ({"vendor": "openai*"}, True),
        ({"category": ["image", "model-api"]}, True),
        ({"category": "image"}, False),
        ({"status": "sanctioned"}, True),
        ({"status": ["tolerated", "unknown"]}, False),
        ({"team": "finance"}, True),
        ({"team": "Finance"}, False),
        ({"user": "a?n"}, True),
        ({"app": "note[a-c]ook"}, True),
        ({"model": "GPT-5*"}, True),
        ({"model": "gpt-4*"}, False),
        ({"operation": "chat"}, True),
        ({"operation": "embeddings"}, False),
        ({"host": "*.OpenAI.com"}, True),
        ({"host": "other.test"}, True),
        ({"host": "openai.com"}, False),
        ({"tool": "shell"}, True),
        ({"tool": "browser"}, False),
        ({"direction": "request"}, True),
        ({"direction": "response"}, False),
        ({"inspection": "partial"}, True),
        ({"inspection": ["unparsed", "failed"]}, False),
        ({"identity": "basic"}, True),
        ({"identity": "none"}, False),
        ({"credential": "raw"}, True),
        ({"credential": ["virtual", "none"]}, False),
        ({"service": "openai", "team": "finance", "model": "gpt-5*"}, True),
        ({"service": "openai", "team": "sales"}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    hit = rule(condition).match(CASE)
    assert (hit is not None) is holds
    if hit:
        assert hit.whole and hit.findings == ()


@pytest.mark.parametrize(
    ("when", "unless", "hit"),
    [
        ({"finding": "secret/*"}, None, (0,)),
        ({"finding": "*"}, None, (0, 1)),
        ({"finding": ["pii/*"]}, None, (1,)),
        ({"finding": "PII/*"}, None, None),
        ({"finding": "*", "direction": "response"}, None, (2,)),
        ({"finding": "*"}, {"finding": "pii/*"}, (0,)),
        ({"finding": "*"}, {"finding": "pii/*", "team": "finance"}, (0,)),
        ({"finding": "*"}, {"finding": "pii/*", "team": "sales"}, (0, 1)),
        ({"finding": "*", "direction": ["request", "response"]}, None, (0, 1, 2)),
        ({"finding": "*"}, {"team": "finance"}, None),
        ({"finding": "*"}, {"direction": "response"}, (0, 1)),
        ({"finding": "secret/*", "service": "groq"}, None, None),
        ({"finding": "secret/*", "tool": "shell"}, None, (0,)),
        ({"finding": "secret/*", "tool": "browser"}, None, None),
    ],
)
def test_findings(when: dict[str, Any], unless: dict[str, Any] | None, hit: tuple[int, ...] | None) -> None:
    found = rule(when, unless).match(CASE)
    assert (found.findings if found else None) == hit
    if found:
        assert not found.whole


def test_a_harmless_tool_does_not_excuse_another() -> None:
    tools = rule({"tool": "*"}, {"tool": "read_*"})
    assert tools.match(CASE) is not None
    assert tools.match(Case(tools=("read_file",))) is None
    assert tools.match(Case()) is None


@pytest.mark.parametrize(
    ("when", "unless", "others", "hit"),
    [
        ({"model": "*-nano"}, None, ["gpt-5-nano"], True),  # one bad name suffices
        ({"model": "*-nano"}, None, ["gpt-5"], False),
        ({"service": "openai"}, {"model": "gpt-5*"}, ["gpt-5"], False),
        ({"service": "openai"}, {"model": "gpt-5*"}, ["o9"], True),  # an exception needs all of them good
    ],
)
def test_other_models_that_a_request_names_count(
    when: dict[str, Any], unless: dict[str, Any] | None, others: list[str], hit: bool
) -> None:
    assert bool(rule(when, unless).match(replace(CASE, other_models=others))) is hit
    assert bool(rule(when, unless).match(replace(CASE, model="", other_models=others))) is hit


def test_an_exception_by_host_needs_every_claimed_name() -> None:
    hosts = rule({"service": "openai"}, {"host": "api.openai.com"})
    assert hosts.match(CASE) is not None
    alone = Case(service=CASE.service, host="api.openai.com", names=("api.openai.com.",))
    assert hosts.match(alone) is None


@pytest.mark.parametrize(
    ("patterns", "value", "fits"),
    [
        (["a*"], "abc", True),
        (["a*"], "xabc", False),
        (["a", "b"], "b", True),
        (["a.c"], "abc", False),
        (["[!a]x"], "bx", True),
        (["a*"], "a\nb", True),
        (["*"], "", True),
        ([], "", False),
    ],
)
def test_globs(patterns: list[str], value: str, fits: bool) -> None:
    assert Glob(patterns)(value) is fits


def test_globs_stay_quick_on_hostile_patterns() -> None:
    assert not Glob(["*a" * 30 + "b"])("a" * 20_000)
