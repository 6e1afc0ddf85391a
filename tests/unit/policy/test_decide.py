"""From hits to one verdict."""

from __future__ import annotations

import pytest

from weir.model import Action, Finding, Inspection, Principal, Segment, Service, Status
from weir.policy.decide import Case, Policy
from weir.settings import loads


def policy(*rules: str, head: str = "") -> Policy:
    return Policy.compile(loads("version: 1\n" + head + "\nrules:\n" + "\n".join(f"  - {{{rule}}}" for rule in rules)))


def finding(detector: str, segment: int = 0) -> Finding:
    return Finding(detector, detector.partition("/")[0], segment, 0, 5, 1.0)


SEGMENTS = (
    Segment("/messages/0/content", "user", "canary text"),
    Segment("/metadata/a long name#key", "parameter", "x"),
)
EMAIL, CARD, KEY = finding("pii/EMAIL_ADDRESS"), finding("pii/CREDIT_CARD"), finding("secret/openai-key")
MAIL = 'id: mail, if: {finding: "pii/EMAIL_ADDRESS"}, then: pseudonymise'
CARDS = 'id: cards, if: {finding: "pii/CREDIT_CARD"}, then: redact'
STRUCK = 'id: struck, if: {finding: "pii/*"}, then: redact'
KEYS = 'id: keys, if: {finding: "secret/*"}, then: block, say: "No {finding} to {service} by {team}: {rule}"'


def test_nothing_matches() -> None:
    verdict = policy(MAIL).decide(Case(findings=(CARD,), segments=SEGMENTS))
    assert (verdict.action, verdict.rule_id, verdict.rules) == (Action.ALLOW, "", ())
    assert verdict.treatments == (Action.ALLOW,)


def test_treatments_align_with_findings() -> None:
    verdict = policy(MAIL, CARDS).decide(Case(findings=(CARD, EMAIL, CARD, KEY), segments=SEGMENTS))
    assert verdict.treatments == (Action.REDACT, Action.PSEUDONYMISE, Action.REDACT, Action.ALLOW)
    assert verdict.action is Action.PSEUDONYMISE
    assert verdict.rule_id == "mail"
    assert verdict.rules == ("mail", "cards")
    assert verdict.reason == "mail: pii/EMAIL_ADDRESS; cards: pii/CREDIT_CARD x2"
    assert verdict.say == ""


@pytest.mark.parametrize("order", [(MAIL, STRUCK), (STRUCK, MAIL)])
def test_a_finding_gets_the_strongest_treatment_of_all_its_rules(order: tuple[str, str]) -> None:
    verdict = policy(*order).decide(Case(findings=(EMAIL, CARD), segments=SEGMENTS))
    assert verdict.treatments == (Action.PSEUDONYMISE, Action.REDACT)


def test_the_strongest_wins_and_speaks() -> None:
    case = Case(
        principal=Principal(team="ops"), service=Service("openai", "OpenAI"), findings=(EMAIL, KEY), segments=SEGMENTS
    )
    verdict = policy(MAIL, KEYS).decide(case)
    assert (verdict.action, verdict.rule_id) == (Action.BLOCK, "keys")
    assert verdict.treatments == (Action.PSEUDONYMISE, Action.BLOCK)
    assert verdict.say == "No secret/openai-key to OpenAI by ops: keys"


def test_the_first_in_file_order_names_equals() -> None:
    first, second = "id: a, if: {host: x}, then: block", "id: b, if: {host: x}, then: block"
    assert policy(first, second).decide(Case(host="x")).rule_id == "a"
    assert policy(second, first).decide(Case(host="x")).rule_id == "b"


def test_allow_cannot_weaken() -> None:
    verdict = policy("id: fine, if: {host: x}, then: allow", "id: no, if: {host: x}, then: block").decide(
        Case(host="x")
    )
    assert (verdict.action, verdict.rule_id, verdict.rules) == (Action.BLOCK, "no", ("fine", "no"))
    alone = policy("id: fine, if: {host: x}, then: allow").decide(Case(host="x"))
    assert (alone.action, alone.rule_id) == (Action.ALLOW, "fine")


@pytest.mark.parametrize(("rule", "name"), [(MAIL, "mail"), ('id: r, if: {finding: "*"}, then: redact', "r")])
def test_what_cannot_be_edited_is_blocked(rule: str, name: str) -> None:
    verdict = policy(rule).decide(Case(findings=(EMAIL, finding("pii/EMAIL_ADDRESS", 1)), segments=SEGMENTS))
    assert verdict.action is Action.BLOCK
    assert verdict.treatments[0] is not Action.BLOCK and verdict.treatments[1] is Action.BLOCK
    assert verdict.rule_id == name
    assert "cannot be changed" in verdict.reason


def test_the_reason_says_where_it_cannot_be_changed() -> None:
    segments = (*SEGMENTS, Segment("#file/0/page/1", "user", "x", part="file:0"))
    found = tuple(finding("pii/EMAIL_ADDRESS", place) for place in (0, 2))
    reason = policy(MAIL).decide(Case(findings=found, segments=segments)).reason
    assert "(in an attached file, which cannot be changed)" in reason and "object key" not in reason
    found = tuple(finding("pii/EMAIL_ADDRESS", place) for place in (1, 2))
    reason = policy(MAIL).decide(Case(findings=found, segments=segments)).reason
    assert "attached file" in reason and "object key" in reason


def test_alert_on_what_cannot_be_edited_stays_an_alert() -> None:
    rule = 'id: a, if: {finding: "*"}, then: alert'
    assert policy(rule).decide(Case(findings=(finding("x", 1),), segments=SEGMENTS)).action is Action.ALERT


def test_built_in_and_rules_combine() -> None:
    verdict = policy(KEYS, head="identity: {required: true}").decide(
        Case(is_ai=True, findings=(KEY,), segments=SEGMENTS, inspection=Inspection.FAILED, reason="timeout")
    )
    assert verdict.rules == ("identity-required", "on-failure", "keys")
    assert verdict.rule_id == "identity-required"


def test_default_say_names_the_rule() -> None:
    assert "(rule no)" in policy("id: no, if: {host: x}, then: block").decide(Case(host="x")).say


def test_values_in_say_are_bounded_and_plain() -> None:
    rule = 'id: m, if: {model: "*"}, then: block, say: "[{model}] [{team}] [{finding}]"'
    say = policy(rule).decide(Case(model="a\r\nb\x1b{team}" + "x" * 500)).say
    assert say.startswith("[a  b {team}xxx")
    assert len(say) < 200
    assert say.endswith("[(unnamed)] [(unnamed)]")


def test_many_detectors_are_summed_up() -> None:
    rule = 'id: f, if: {finding: "*"}, then: block, say: "{finding}"'
    case = Case(findings=tuple(finding(f"pii/D{n}") for n in range(5)), segments=SEGMENTS)
    assert policy(rule).decide(case).say == "pii/D0, pii/D1, pii/D2 and 2 more"


def test_no_content_in_a_verdict() -> None:
    verdict = policy(MAIL, KEYS).decide(Case(findings=(EMAIL, KEY), segments=SEGMENTS))
    assert "canary" not in repr(verdict)


def test_mode_does_not_matter() -> None:
    case = Case(service=Service("x", status=Status.UNSANCTIONED), findings=(KEY,), segments=SEGMENTS)
    observe, enforce = (policy(KEYS, head=f"mode: {mode}").decide(case) for mode in ("observe", "enforce"))
    assert observe == enforce


def test_one_finding_that_cannot_be_edited_decides_whatever_its_place() -> None:
    fixed = finding("pii/EMAIL_ADDRESS", 1)
    for findings in ((fixed, EMAIL), (EMAIL, fixed), (EMAIL, fixed, EMAIL)):
        verdict = policy(MAIL).decide(Case(findings=findings, segments=SEGMENTS))
        assert verdict.action is Action.BLOCK
        assert verdict.treatments.count(Action.PSEUDONYMISE) == len(findings) - 1


ASK = 'id: ask, if: {finding: "pii/EMAIL_ADDRESS"}, then: coach, say: "Why {finding}?"'
ASK_SERVICE = "id: tolerated, if: {status: tolerated}, then: coach"
TOLERATED = Service("x", status=Status.TOLERATED)


def test_coach_stands_between_changing_and_blocking() -> None:
    case = Case(service=TOLERATED, findings=(EMAIL, CARD), segments=SEGMENTS)
    verdict = policy(MAIL, ASK, CARDS).decide(case)
    assert (verdict.action, verdict.rule_id, verdict.say) == (Action.COACH, "ask", "Why pii/EMAIL_ADDRESS?")
    assert verdict.treatments == (Action.COACH, Action.REDACT)
    assert policy(ASK, KEYS).decide(Case(findings=(EMAIL, KEY), segments=SEGMENTS)).action is Action.BLOCK
    assert "asks for a reason" in policy(ASK_SERVICE).decide(case).say


def test_what_is_held_back_and_why() -> None:
    case = Case(service=TOLERATED, findings=(EMAIL, CARD, EMAIL), segments=SEGMENTS)
    assert policy(ASK, ASK_SERVICE, CARDS).held(case) == {"ask": frozenset({EMAIL.detector}), "tolerated": frozenset()}
    assert policy(CARDS).held(case) == {}


def test_a_stated_reason_turns_asking_into_an_alert_and_nothing_else() -> None:
    asked: list[tuple[str, frozenset[str]]] = []

    def stated(rule: str, detectors: frozenset[str]) -> bool:
        asked.append((rule, detectors))
        return rule == "ask"

    case = Case(service=TOLERATED, findings=(EMAIL, CARD), segments=SEGMENTS)
    verdict = policy(ASK, MAIL, CARDS, KEYS).decide(case, stated)
    assert asked == [("ask", frozenset({EMAIL.detector}))]
    assert verdict.treatments == (Action.PSEUDONYMISE, Action.REDACT) and verdict.action is Action.PSEUDONYMISE
    assert "ask: pii/EMAIL_ADDRESS (a reason was stated)" in verdict.reason
    alone = policy(ASK).decide(case, stated)
    assert (alone.action, alone.rule_id, alone.say) == (Action.ALERT, "ask", "")
    both = policy(ASK, ASK_SERVICE).decide(case, stated)
    assert (both.action, both.rule_id) == (Action.COACH, "tolerated")
    assert policy(ASK, ASK_SERVICE).held(case, stated) == {"tolerated": frozenset()}
    assert policy(ASK_SERVICE).decide(case, lambda *_: True).reason == "tolerated: a reason was stated"


def test_of_a_reply_nobody_can_be_asked() -> None:
    rule = 'id: ask, if: {finding: "pii/*", direction: [request, response]}, then: coach'
    came = Finding(EMAIL.detector, "pii", 0, 0, 5, 1.0, direction="response")
    verdict = policy(rule).decide(Case(findings=(came,), segments=SEGMENTS, direction="response"), lambda *_: True)
    assert (verdict.action, verdict.treatments) == (Action.BLOCK, (Action.BLOCK,))
