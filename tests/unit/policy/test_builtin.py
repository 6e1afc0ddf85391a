"""Decisions that come from other sections than `rules`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weir.model import Action, Endpoint, Inspection, Principal, Service, Verdict
from weir.policy.case import Objection
from weir.policy.decide import Case, Policy
from weir.settings import loads

OPENAI = Service("openai", "OpenAI", "openai", "model-api")
CHAT = Endpoint("openai", "openai_chat", "chat")
FINANCE = Principal(user="ann", team="finance", method="virtual_key")


def decide(text: str, case: Case) -> Verdict:
    return Policy.compile(loads("version: 1\n" + text)).decide(case)


@pytest.mark.parametrize(
    ("case", "blocked"),
    [
        (Case(service=OPENAI), True),
        (Case(is_ai=True), True),
        (Case(service=OPENAI, principal=Principal(method="network", strength=1)), False),
        (Case(host="example.com"), False),
    ],
)
def test_identity_required(case: Case, blocked: bool) -> None:
    verdict = decide("identity: {required: true}", case)
    assert (verdict.rule_id == "identity-required") is blocked
    assert (verdict.action is Action.BLOCK) is blocked
    assert decide("identity: {required: false}", case).action is Action.ALLOW


@pytest.mark.parametrize(
    ("inspection", "service", "on_failure", "action"),
    [
        (Inspection.UNPARSED, OPENAI, "block", Action.BLOCK),
        (Inspection.UNPARSED, OPENAI, "allow", Action.ALERT),
        (Inspection.FAILED, OPENAI, "block", Action.BLOCK),
        (Inspection.FAILED, Service(""), "block", Action.BLOCK),
        (Inspection.UNPARSED, Service(""), "block", Action.ALLOW),
        (Inspection.INSPECTED, OPENAI, "block", Action.ALLOW),
        (Inspection.PARTIAL, OPENAI, "block", Action.ALLOW),
        (Inspection.METERED, OPENAI, "block", Action.ALLOW),
    ],
)
def test_on_failure(inspection: Inspection, service: Service, on_failure: str, action: Action) -> None:
    case = Case(service=service, endpoint=CHAT, inspection=inspection, reason="duplicate key")
    verdict = decide(f"on_failure: {on_failure}", case)
    assert verdict.action is action
    if action is not Action.ALLOW:
        assert verdict.rule_id == "on-failure"
        assert verdict.reason == f"on-failure: inspection {inspection} (duplicate key)"


@pytest.mark.parametrize(
    ("team", "model", "endpoint", "blocked"),
    [
        ("finance", "", Endpoint("openai", "openai_upload", "files"), False),
        ("finance", "", Endpoint("openai", "openai_upload", "images"), True),
        ("finance", "gpt-5-mini", CHAT, False),
        ("finance", "GPT-5", CHAT, False),
        ("finance", "o3", CHAT, True),
        ("finance", "", CHAT, True),
        ("finance", "", Endpoint("openai", "", "models"), False),
        ("finance", "", None, False),
        ("sales", "o3", CHAT, False),
        ("", "o3", CHAT, False),
    ],
)
def test_team_models(team: str, model: str, endpoint: Endpoint | None, blocked: bool) -> None:
    case = Case(principal=Principal(team=team), service=OPENAI, endpoint=endpoint, model=model)
    verdict = decide("teams: {finance: {models: [gpt-5*, claude-*]}, sales: {services: openai}}", case)
    assert verdict.rules == (("team-models",) if blocked else ())


@pytest.mark.parametrize(
    ("model", "others", "say"),
    [
        ("gpt-5-mini", ["gpt-5"], ""),
        ("gpt-5-mini", ["gpt-5", "o3"], "Team finance may not use one of the models that this request names."),
        ("o3", ["gpt-5"], "Team finance may not use the model o3."),
        ("", ["gpt-5"], ""),
        ("", ["o3"], "Team finance may not use one of the models that this request names."),
    ],
)
def test_team_models_are_all_that_a_request_names(model: str, others: list[str], say: str) -> None:
    case = Case(principal=FINANCE, service=OPENAI, endpoint=CHAT, model=model, other_models=others)
    assert decide("teams: {finance: {models: [gpt-5*]}}", case).say == say
    assert decide("teams: {finance: {models: [gpt-5*]}}", replace(case, model="gpt-5", direction="response")).say == ""


@pytest.mark.parametrize(
    ("services", "blocked"),
    [
        ("openai", False),
        ("'vendor:openai'", False),
        ("'category:model-*'", False),
        ("groq", True),
        ("'vendor:x'", True),
    ],
)
def test_team_services(services: str, blocked: bool) -> None:
    verdict = decide(f"teams: {{finance: {{services: [{services}]}}}}", Case(principal=FINANCE, service=OPENAI))
    assert verdict.rules == (("team-services",) if blocked else ())
    if blocked:
        assert verdict.say == "Team finance may not use OpenAI."


def test_team_rules_leave_ordinary_hosts_alone() -> None:
    text = "teams: {finance: {services: groq, models: x}}"
    assert decide(text, Case(principal=FINANCE, host="example.com")).action is Action.ALLOW


@pytest.mark.parametrize(
    ("case", "blocked"),
    [
        (Case(service=OPENAI, names=("api.openai.com",)), False),
        (Case(service=OPENAI, names=("api.openai.com", "evil.example")), True),
        (Case(service=OPENAI, names=("192.0.2.7", "api.openai.com")), True),
        (Case(is_ai=True, discovered=True, names=("192.0.2.7", "llm.lab")), False),
        (Case(is_ai=True, discovered=True, names=("a.lab", "b.lab")), True),
        (Case(names=("a.example", "b.example")), False),
    ],
)
def test_host_mismatch(case: Case, blocked: bool) -> None:
    verdict = Policy.compile(loads("version: 1\n")).decide(case)
    assert (verdict.rule_id == "host-mismatch") is blocked
    assert (verdict.action is Action.BLOCK) is blocked
    if blocked:
        assert ("TLS handshake" in verdict.say) is ("192.0.2.7" not in case.names), "plain HTTP had none"


REFUSED = Objection("identity-permissions", "You may not use this model.", "model not allowed")


def test_what_another_concern_holds_against_a_request_is_a_block_of_that_name() -> None:
    verdict = decide("", Case(service=OPENAI, objection=REFUSED))
    assert (verdict.action, verdict.rule_id) == (Action.BLOCK, "identity-permissions")
    assert verdict.say == "You may not use this model." and verdict.reason == "identity-permissions: model not allowed"
    assert decide("", Case(service=OPENAI, objection=REFUSED, direction="response")).action is Action.ALLOW


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        (Case(service=OPENAI), "identity-required"),
        (Case(service=OPENAI, principal=FINANCE, objection=REFUSED), "identity-permissions"),
        (Case(service=OPENAI, principal=FINANCE), ""),
        (Case(service=OPENAI, principal=FINANCE, inspection=Inspection.FAILED), ""),
        (Case(), ""),
    ],
)
def test_what_needs_no_body_is_decided_early(case: Case, rule: str) -> None:
    policy = Policy.compile(loads("version: 1\nidentity: {required: true}\nteams: {finance: {models: [x]}}"))
    verdict = policy.decide_early(case)
    assert verdict.rule_id == rule and (verdict.action is Action.BLOCK) is bool(rule)
    assert not rule or policy.decide(case).rule_id == rule
