from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from weir.audit.content.parts import CalledTool, Content, Text
from weir.audit.content.timeline import WHATS, about, timeline

NOON = 1_700_000_000_000_000


def row(number: int, kind: str, at: int, exchange: str = "x1", **given: Any) -> dict[str, Any]:
    values = {
        "event_id": f"e{number}",
        "exchange_id": exchange,
        "conversation_id": "c1",
        "kind": kind,
        "ts": NOON + at,
        "seq": number,
        "user": "anna",
        "service": "openai",
        "request_model": "gpt-5",
        "verdict": "allow",
        "action": "allow",
    }
    return {**values, **given}


def said(*texts: tuple[str, str]) -> Content:
    return Content(tuple(Text(role, text) for role, text in texts))


def brief(steps: list[Any]) -> list[tuple[str, str, str]]:
    return [(step.what, step.who, step.text) for step in steps]


def test_an_exchange_in_order() -> None:
    finding = {"detector": "pii/EMAIL_ADDRESS", "direction": "request", "severity": "medium", "action": "redact"}
    place = {"segment": 1, "span_start": 3, "span_end": 9}
    rows = [
        row(
            2,
            "response",
            0,
            ts_end=NOON + 900,
            response_model="gpt-5-2026",
            input_tokens=12,
            output_tokens=5,
            finish_reason="stop",
            verdict="redact",
            action="redact",
            rule_id="no-mail",
            findings=[{"detector": "pii/PHONE", "direction": "response"}],
            tool_calls=[{"name": "ignored"}],
        ),
        row(1, "request", 0, verdict="redact", action="redact", rule_id="no-mail", findings=[{**finding, **place}]),
    ]
    contents = {
        "e1": said(("system", "Be brief."), ("user", "Write to a@b.example"), ("tool_definition", "{}")),
        "e2": Content(reply="Done.", calls=(CalledTool("send", '{"to":"a"}'),)),
    }
    steps = timeline(rows, contents)
    assert brief(steps) == [
        ("prompt", "system", "Be brief."),
        ("prompt", "anna", "Write to a@b.example"),
        ("finding", "weir", "pii/EMAIL_ADDRESS in text 1, characters 3 to 9"),
        ("decision", "weir", "redact"),
        ("reply", "gpt-5-2026", "Done."),
        ("tool call", "gpt-5-2026", '{"to":"a"}'),
        ("finding", "weir", "pii/PHONE in a text"),
    ]
    assert [step.at_us - NOON for step in steps] == [0, 0, 0, 0, 900, 900, 900]
    assert steps[0].detail == "openai, gpt-5"
    assert steps[1].detail == ""
    assert steps[2].detail == "medium, redact"
    assert steps[3].detail == "no-mail"
    assert steps[4].detail == "12 tokens in, 5 tokens out, stop"
    assert steps[5].detail == "send"
    assert {step.what for step in steps} <= set(WHATS)
    assert all(step.kept for step in steps)
    assert "Done." not in repr(steps)


def test_a_conversation_is_not_repeated_with_every_turn() -> None:
    system, one, two = ("system", "Be brief."), ("user", "yes"), ("user", "yes")
    rows = [
        row(1, "request", 0),
        row(2, "response", 0, ts_end=NOON + 5),
        row(3, "request", 10, "x2"),
        row(4, "response", 10, "x2", ts_end=NOON + 15),
    ]
    contents: dict[str, Content | str] = {
        "e1": said(system, one),
        "e2": Content(reply="No."),
        "e3": said(system, one, ("assistant", "No."), two),
        "e4": Content(reply="No."),
    }
    steps = timeline(rows, contents)
    talk = [(step.who, step.text) for step in steps if step.what in ("prompt", "reply")]
    assert talk == [("system", "Be brief."), ("anna", "yes"), ("gpt-5", "No."), ("anna", "yes"), ("gpt-5", "No.")]
    assert steps[-3].detail == "openai, gpt-5, 3 texts said before"


def test_another_conversation_is_told_whole() -> None:
    rows = [row(1, "request", 0), row(2, "request", 1, "x2", conversation_id="c2")]
    steps = timeline(rows, {"e1": said(("user", "same")), "e2": said(("user", "same"))})
    assert [step.text for step in steps if step.what == "prompt"] == ["same", "same"]
    again = timeline([row(1, "request", 0), row(2, "request", 1, "x2")], {e: said(("user", "a")) for e in ("e1", "e2")})
    assert [(step.text, step.kept) for step in again if step.what == "prompt"] == [
        ("a", True),
        ("nothing new is said", False),
    ]


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (None, "its texts were not kept"),
        ("erased", "its texts were erased"),
        ("expired", "its texts were kept for as long as the policy said"),
        ("locked", "the content key to its texts was not given"),
        ("unread", "its texts were kept; to read them takes a reason"),
        ("altered", "its texts were changed since they were written"),
    ],
)
def test_what_cannot_be_shown_says_why(why: str | None, told: str) -> None:
    rows = [row(1, "request", 0), row(2, "response", 0, tool_calls=[{"name": "send"}])]
    steps = timeline(rows, {} if why is None else {"e1": why, "e2": why})
    assert [(step.what, step.text, step.kept) for step in steps if step.what != "decision"] == [
        ("prompt", told, False),
        ("reply", told, False),
        ("tool call", "its arguments were not kept", False),
    ]


def test_a_blocked_request_and_what_was_only_observed() -> None:
    rows = [
        row(1, "block", 0, verdict="block", action="block", rule_id="no-keys", reason="secret/x"),
        row(2, "request", 1, "x2", verdict="block", action="allow", rule_id="no-keys"),
        row(3, "response", 1, "x2", verdict="block", action="allow", rule_id="no-keys"),
    ]
    decisions = [step for step in timeline(rows, {}) if step.what == "decision"]
    assert [(step.text, step.detail) for step in decisions] == [
        ("block", "no-keys, secret/x"),
        ("allow (the policy says block)", "no-keys"),
    ]


def test_a_decision_on_the_reply_is_told_too() -> None:
    rows = [
        row(1, "request", 0),
        row(2, "response", 0, ts_end=NOON + 9, verdict="block", action="block", rule_id="no-leak", http_status=502),
    ]
    steps = timeline(rows, {"e2": Content()})
    assert [step.text for step in steps if step.what == "decision"] == ["allow", "block"]
    assert [(step.text, step.detail) for step in steps if step.what == "reply"] == [("no text", "HTTP 502")]


def test_texts_that_only_the_reply_gave_reason_to_keep() -> None:
    rows = [row(1, "request", 0), row(2, "response", 0, ts_end=NOON + 9)]
    whole = Content((Text("user", "hi"),), "a secret", cut=3)
    steps = timeline(rows, {"e2": whole})
    assert [(step.what, step.text) for step in steps if step.what != "decision"] == [
        ("prompt", "hi"),
        ("reply", "a secret"),
    ]
    assert [step.what for step in steps] == ["prompt", "decision", "reply"]
    assert "3 characters were not kept" in steps[0].detail
    alone = timeline(rows[1:], {"e2": whole})
    assert [step.text for step in alone] == ["hi", "a secret", "allow"]


@pytest.mark.parametrize("kind", ["error", "gap", "erasure", "disclosure", "config", "meter", "budget", "discovered"])
def test_what_happened_beside_is_a_note(kind: str) -> None:
    (step,) = timeline([row(1, kind, 0, reason="because")], {})
    assert step.what == "note"
    assert step.text.endswith(": because")


def test_turns_and_messages_of_a_socket() -> None:
    rows = [row(1, "message", 0), row(2, "turn", 5), row(3, "message", 9), row(4, "turn", 12)]
    contents: dict[str, Content | str] = {
        f"e{number}": said(("user", f"q{number}")) if number % 2 else Content(reply=f"a{number}")
        for number in range(1, 5)
    }
    told = [step.text for step in timeline(rows, contents) if step.what != "decision"]
    assert told == ["q1", "a2", "q3", "a4"]


def test_times_may_be_the_stores() -> None:
    naive = datetime(2026, 11, 21, 12, 0, 0, 5)
    aware = naive.replace(tzinfo=UTC)
    for moment in (naive, aware):
        (step, _) = timeline([row(1, "request", 0, ts=moment)], {})
        assert step.at_us == int(aware.timestamp()) * 1_000_000 + 5


@pytest.mark.parametrize(
    ("given", "who"),
    [({}, "anna"), ({"user": "", "app": "bot"}, "bot"), ({"user": None, "src_ip": "10.0.0.9"}, "10.0.0.9")],
)
def test_who_asked_is_the_best_that_is_known(given: dict[str, Any], who: str) -> None:
    assert timeline([row(1, "request", 0, **given)], {})[0].who == who


def test_a_rule_that_its_reason_names_is_not_said_twice() -> None:
    rows = [row(1, "block", 0, action="block", rule_id="no-keys", reason="no-keys: secret/x")]
    assert timeline(rows, {})[-1].detail == "no-keys: secret/x"


def test_who_read_and_who_erased() -> None:
    def note(kind: str, **given: Any) -> str:
        return timeline([row(1, kind, 0, **given)], {})[0].text

    assert note("disclosure", reason="case 9", extra='{"by":"ops","outcome":"opened"}') == (
        "ops read what was said: case 9"
    )
    assert note("disclosure", reason="case 9", extra={"by": "ops", "outcome": "erased"}) == (
        "ops asked what was said (erased): case 9"
    )
    assert note("disclosure", reason="case 9", extra="{") == "somebody read what was said: case 9"
    assert note("erasure", reason="erased by ops: wish") == "texts were erased by ops: wish"


def test_rows_with_holes_make_no_trouble() -> None:
    odd = [{}, {"kind": "response"}, {"kind": "request", "ts": None, "findings": None, "tool_calls": "x"}]
    steps = timeline(odd, {})
    assert {step.at_us for step in steps} == {0}
    assert "nobody known" in {step.who for step in steps}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, True),
        ({"user": "anna"}, True),
        ({"user": "bert"}, False),
        ({"user": "anna", "conversation": "c1"}, True),
        ({"conversation": "c2"}, False),
        ({"app": "bot"}, False),
    ],
)
def test_whose_row_it_is(asked: dict[str, str], expected: bool) -> None:
    assert about(row(1, "request", 0), **asked) is expected
