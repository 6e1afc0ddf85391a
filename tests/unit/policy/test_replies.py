"""Rules about replies: which they are, and what they come to."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from weir import settings
from weir.model import Action, Finding, Verdict
from weir.policy.case import Case
from weir.policy.decide import Policy
from weir.policy.replies import EDITABLE, UNEDITABLE, ReplyPolicy


def policy(*rules: dict[str, Any], **more: Any) -> ReplyPolicy:
    named = [{"id": f"r{number}", **rule} for number, rule in enumerate(rules)]
    text = yaml.safe_dump({"version": 1, "mode": "enforce", "rules": named, **more})
    return ReplyPolicy.of(Policy.compile(settings.loads(text)))


def finding(detector: str, segment: int = 7) -> Finding:
    return Finding(detector, detector.partition("/")[0], segment, 0, 9, 1.0, direction="response")


KEY, ADDRESS = finding("secret/key"), finding("pii/EMAIL_ADDRESS")
CASE = Case(findings=(KEY, ADDRESS), segments=EDITABLE, is_ai=True)


@pytest.mark.parametrize(
    ("when", "action", "treatments"),
    [
        ({"finding": "secret/*"}, "allow", ["allow", "allow"]),  # a rule is about requests unless it says otherwise
        ({"finding": "secret/*", "direction": "request"}, "allow", ["allow", "allow"]),
        ({"finding": "secret/*", "direction": "response"}, "redact", ["redact", "allow"]),
        ({"finding": "*", "direction": ["request", "response"]}, "redact", ["redact", "redact"]),
    ],
)
def test_which_rules_are_about_replies(when: dict[str, Any], action: str, treatments: list[str]) -> None:
    verdict = policy({"if": when, "then": "redact"}).decide(CASE)
    assert (verdict.action.word, [t.word for t in verdict.treatments]) == (action, treatments)


@pytest.mark.parametrize(
    ("then", "action", "acts"),
    [
        ("allow", "allow", False),
        ("alert", "alert", False),
        ("redact", "redact", True),
        ("pseudonymise", "redact", True),
        ("coach", "block", True),
        ("block", "block", True),
    ],
)
def test_actions_as_they_can_be_done_to_a_reply(then: str, action: str, acts: bool) -> None:
    made = policy({"if": {"finding": "secret/*", "direction": "response"}, "then": then})
    verdict = made.decide(CASE)
    assert (verdict.action.word, made.acts) == (action, acts)
    assert made.treatments(CASE, [KEY]) == (Action[action.upper()],)


def test_where_nothing_can_be_changed_it_is_stopped() -> None:
    made = policy({"if": {"finding": "secret/*", "direction": "response"}, "then": "redact"})
    verdict = made.decide(Case(findings=(KEY,), segments=UNEDITABLE))
    assert verdict.action is Action.BLOCK and "reply" in verdict.say and "r0" in verdict.say


def test_what_is_said_is_the_rules_own_word() -> None:
    made = policy({"if": {"finding": "*", "direction": "response"}, "then": "block", "say": "It held {finding}."})
    assert made.decide(Case(findings=(KEY,), segments=EDITABLE)).say == "It held secret/key."


def test_what_was_decided_for_the_request_is_not_decided_again() -> None:
    made = policy(identity={"required": True})
    assert made.decide(CASE).action is Action.ALLOW and not made.acts


def test_rules_about_how_far_a_reply_was_seen() -> None:
    made = policy({"if": {"inspection": "partial", "direction": "response"}, "then": "block"})
    assert made.decide(CASE).action is Action.ALLOW
    assert made.decide(Case(inspection="partial", segments=EDITABLE)).action is Action.BLOCK  # type: ignore[arg-type]


def test_what_is_acted_on() -> None:
    made = policy(
        {"if": {"finding": "secret/*", "direction": "response"}, "then": "redact"},
        {"if": {"finding": "pii/*", "direction": "response"}, "then": "alert"},
        {"if": {"finding": "exact/*"}, "then": "block"},
    )
    assert made.acted_on(["secret/a", "pii/B", "exact/c"]) == {"secret/a"}


@pytest.mark.parametrize(
    ("when", "of_findings"),
    [
        ([], True),
        ([{"finding": "secret/*"}], True),  # about requests alone
        ([{"finding": "secret/*", "direction": "response"}], True),
        ([{"direction": "response"}], False),
        ([{"finding": "secret/*", "direction": "response"}, {"host": "a.example", "direction": "response"}], False),
    ],
)
def test_a_reply_in_which_nothing_is_found_may_be_no_rules_business(
    when: list[dict[str, Any]], of_findings: bool
) -> None:
    made = policy(*({"if": one, "then": "block"} for one in when))
    assert made.of_findings is of_findings
    if of_findings:
        nothing = Case(segments=EDITABLE, is_ai=True, host="a.example", direction="response")
        assert made.decide(nothing) == Verdict()
