"""In order: who said what, what was found, what was decided. Texts only for a reason, which is on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

WHY = ("--reason", "ticket 12")


def test_with_a_reason(weir, kept: Any) -> None:
    done = weir("audit", "timeline", "--user", "anna", *WHY, "--data", kept.data)
    assert done.code == 0 and all(len(line) <= 80 for line in done.out.splitlines())
    order = ["Be brief.", "Who lives", "pii/EMAIL_ADDRESS", "alert", '{"in":"Cham"}', "Some 17,000 people."]
    places = [done.out.index(word) for word in order[:4]]
    assert places == sorted(places) and all(word in done.out for word in order)
    assert "\x1b" not in done.out
    assert {row["event"] for row in kept.rows("disclosure")} == {kept.asked.event_id, kept.answered.event_id}


def test_without_a_reason_no_text_is_opened(weir, kept: Any) -> None:
    done = weir("audit", "timeline", "--app", "wiki", "--data", kept.data)
    assert done.code == 0 and "Cham" not in done.out and "17,000" not in done.out
    assert "pii/EMAIL_ADDRESS" in done.out and "--reason" in done.err
    assert "its texts were kept" in done.out and "key" not in done.out
    assert kept.rows("disclosure") == []


def test_as_json(weir, make_kept: Callable[..., Any]) -> None:
    kept = make_kept(ingested=True)
    talk = kept.asked.conversation_id
    done = weir("audit", "timeline", "--conversation", talk, *WHY, "--data", kept.data, "--format", "json")
    steps = json.loads(done.out)
    assert [step["what"] for step in steps][:2] == ["prompt", "prompt"]
    assert {step["what"] for step in steps} == {"prompt", "finding", "decision", "tool call", "reply"}
    assert next(step["text"] for step in steps if step["what"] == "reply") == "Some 17,000 people."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a --user"),
        (["--user", "anna", "--since", "yesterday"], "--since"),
        (["--user", "anna", "--reason", " "], "say why"),
    ],
)
def test_what_is_refused(weir, kept: Any, arguments: list[str], said: str) -> None:
    done = weir("audit", "timeline", *arguments, "--data", kept.data)
    assert done.code == 2 and said in done.err and done.out == ""


def test_a_time_without_anything(weir, kept: Any) -> None:
    done = weir("audit", "timeline", "--user", "anna", "--until", "1d", "--data", kept.data)
    assert (done.code, done.out) == (0, "") and "nothing in that time" in done.err


def test_more_than_is_shown(weir, kept: Any) -> None:
    done = weir("audit", "timeline", "--user", "anna", "--limit", "1", "--data", kept.data)
    assert "only the first 1" in done.err
