"""Laws of the verdict: order is nothing, more rules and more to see never weaken, mode does not matter."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from weir.model import Action, Endpoint, Finding, Inspection, Principal, Segment, Service, Status, Verdict
from weir.policy.actions import outcome
from weir.policy.decide import Case, Policy
from weir.settings import ACTIONS, Settings

CANARY = "canary-text-of-a-prompt"
DETECTORS = ["secret/a", "secret/b", "pii/EMAIL_ADDRESS", "pii/IBAN_CODE"]
TOOLS = ["shell", "read_file"]
SEGMENTS = tuple(
    Segment(pointer, "user", CANARY) for pointer in ("/messages/0/content", "/a/some long name#key", "#url")
)

words = {
    "service": ["openai", "open*", "groq"],
    "vendor": ["v1", "*"],
    "category": ["model-api", "discovered"],
    "status": [*Status],
    "team": ["finance", "f*", "sales"],
    "user": ["ann", "*"],
    "model": ["gpt-5*", "o3"],
    "host": ["*.openai.com", "a.test"],
    "inspection": [*Inspection],
    "identity": ["none", "basic"],
    "credential": ["raw", "virtual"],
    "direction": ["request", "response"],
}
findings_words = ["secret/*", "secret/a", "pii/*", "*"]


def conditions(subjects: dict[str, list[str]]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: st.lists(st.sampled_from(values), min_size=1, max_size=2) for name, values in subjects.items()}
    return st.fixed_dictionaries({}, optional=fields)  # type: ignore[arg-type]


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    finding: dict[str, list[str]] = {"finding": findings_words}
    chosen = draw(st.sampled_from([{}, finding, finding, {"tool": [*TOOLS, "*"]}]))
    when = {name: draw(st.lists(st.sampled_from(w), min_size=1, max_size=2)) for name, w in chosen.items()}
    if not when or draw(st.booleans()):  # rules with few conditions meet in one case more often
        when |= draw(conditions({n: words[n] for n in draw(st.sets(st.sampled_from([*words]), max_size=2))}))
    if not when:
        when = {"host": "*"}
    then = draw(st.sampled_from([a for a in ACTIONS if "finding" in when or a not in ("redact", "pseudonymise")]))
    rule: dict[str, Any] = {"if": when, "then": then, "say": draw(st.sampled_from(["", "{finding} {model} {rule}"]))}
    unless = draw(conditions({n: words[n] for n in draw(st.sets(st.sampled_from([*words]), max_size=1))} | chosen))
    if unless and draw(st.booleans()):
        rule["unless"] = unless
    return rule


@st.composite
def rule_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [{"id": f"r{n}", **rule} for n, rule in enumerate(draw(st.lists(rules(), max_size=6)))]


findings = st.builds(
    Finding,
    detector=st.sampled_from(DETECTORS),
    category=st.just("x"),
    segment=st.integers(-1, 3),
    start=st.just(0),
    end=st.just(3),
    score=st.just(1.0),
    direction=st.sampled_from(["request", "response"]),
)
cases = st.builds(
    Case,
    principal=st.builds(
        Principal,
        team=st.sampled_from(["", "finance", "sales"]),
        user=st.sampled_from(["", "ann"]),
        method=st.sampled_from(["none", "basic"]),
    ),
    service=st.builds(
        Service,
        id=st.sampled_from(["", "openai", "groq"]),
        vendor=st.sampled_from(["", "v1"]),
        category=st.sampled_from(["", "model-api", "discovered"]),
        status=st.sampled_from(Status),
    ),
    endpoint=st.sampled_from([None, Endpoint("openai", "openai_chat", "chat"), Endpoint("openai", "", "models")]),
    model=st.one_of(st.sampled_from(["", "gpt-5-mini", "o3"]), st.text(max_size=20)),
    host=st.sampled_from(["api.openai.com", "a.test"]),
    names=st.lists(st.sampled_from(["api.openai.com", "a.test", "b.test"]), max_size=2),
    is_ai=st.booleans(),
    findings=st.lists(findings, max_size=5).map(tuple),
    segments=st.just(SEGMENTS),
    tools=st.lists(st.sampled_from(TOOLS), max_size=2).map(tuple),
    inspection=st.sampled_from(Inspection),
    reason=st.sampled_from(["", "timeout"]),
    credential=st.sampled_from(["raw", "virtual", "none"]),
    direction=st.sampled_from(["request", "response"]),
)


def policy(rule_list: list[dict[str, Any]], **sections: Any) -> Policy:
    data = {
        "version": 1,
        "identity": {"required": True},
        "teams": {"finance": {"models": ["gpt-5*"], "services": ["openai"]}},
        "rules": rule_list,
    }
    return Policy.compile(Settings.model_validate(data | sections))


def weight(verdict: Verdict) -> tuple[Action, tuple[Action, ...], frozenset[str], int]:
    return verdict.action, verdict.treatments, frozenset(verdict.rules), outcome(verdict).status


@given(rule_lists(), cases, st.randoms(use_true_random=False))
def test_order_of_rules_changes_nothing(rule_list: list[dict[str, Any]], case: Case, random: Any) -> None:
    shuffled = rule_list[:]
    random.shuffle(shuffled)
    assert weight(policy(rule_list).decide(case)) == weight(policy(shuffled).decide(case))


@given(rule_lists(), rules(), cases)
def test_a_rule_more_never_weakens(rule_list: list[dict[str, Any]], more: dict[str, Any], case: Case) -> None:
    before = policy(rule_list).decide(case)
    after = policy([*rule_list, {"id": "more", **more}]).decide(case)
    assert after.action >= before.action
    assert all(b <= a for b, a in zip(before.treatments, after.treatments, strict=True))
    assert set(before.rules) <= set(after.rules)


@given(rule_lists(), cases, findings, st.sampled_from(TOOLS))
def test_more_to_see_never_weakens(rule_list: list[dict[str, Any]], case: Case, finding: Finding, tool: str) -> None:
    decide = policy(rule_list).decide
    before = decide(case)
    found = decide(dataclasses.replace(case, findings=(*case.findings, finding)))
    assert found.action >= before.action
    assert found.treatments[:-1] == before.treatments
    tooled = decide(dataclasses.replace(case, tools=(*case.tools, tool)))
    assert tooled.action >= before.action


@given(rule_lists(), cases)
def test_observe_and_enforce_agree(rule_list: list[dict[str, Any]], case: Case) -> None:
    observe, enforce = (policy(rule_list, mode=mode).decide(case) for mode in ("observe", "enforce"))
    assert observe == enforce


@given(rule_lists(), cases)
def test_every_verdict_is_whole(rule_list: list[dict[str, Any]], case: Case) -> None:
    verdict = policy(rule_list).decide(case)
    assert len(verdict.treatments) == len(case.findings)
    assert verdict.action >= max(verdict.treatments, default=Action.ALLOW)
    assert (verdict.rule_id in verdict.rules) if verdict.rules else verdict.rule_id == ""
    assert bool(verdict.say) is (verdict.action in (Action.COACH, Action.BLOCK))
    assert CANARY not in repr(verdict)
    for index, treatment in enumerate(verdict.treatments):
        if treatment in (Action.REDACT, Action.PSEUDONYMISE):
            assert case.editable(case.findings[index])


@given(cases)
def test_uninspected_never_passes_under_block(case: Case) -> None:
    verdict = policy([], on_failure="block").decide(case)
    if case.inspection is Inspection.FAILED or (case.inspection is Inspection.UNPARSED and case.concerns_ai):
        assert verdict.action is Action.BLOCK
