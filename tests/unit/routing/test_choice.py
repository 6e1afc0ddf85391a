"""Which place is next, what counts as a failure of a place, and what the audit reads of it."""

from __future__ import annotations

import pytest

from weir.routing.choice import Next, Said, Tried, cause_of_status, more_useful, retry_after, told, upcoming, wanted

HOME, EU = "api.example.com", "eu.api.example.com"
TARGETS = (("", "second"), (EU, ""), (EU, "eu"))


@pytest.mark.parametrize(
    ("status", "cause"),
    [(200, ""), (301, ""), (400, ""), (401, "401"), (403, ""), (404, ""), (408, "408"), (429, "429"), (500, "500")],
)
def test_what_is_a_failure_of_the_place(status: int, cause: str) -> None:
    assert cause_of_status(status) == cause


def test_what_policy_wants() -> None:
    assert wanted("503", ("5xx",)) and wanted("429", ("429", "5xx")) and wanted("connect", ("connect",))
    assert wanted("503", ("503",)) and not wanted("500", ("503",))
    assert not wanted("429", ("5xx",)) and not wanted("timeout", ("connect", "5xx")) and not wanted("", ("5xx",))


def test_targets_come_in_their_order_each_once() -> None:
    tried = [Tried(HOME, "first", "500")]
    assert list(upcoming(TARGETS, (), HOME, tried)) == [
        Next(0, HOME, "second"), Next(1, EU, ""), Next(2, EU, "eu"),
    ]  # fmt: skip
    assert [one.index for one in upcoming(TARGETS, {0, 1}, HOME, tried)] == [2]


@pytest.mark.parametrize("outcome", ["connect", "reset", "timeout"])
def test_a_host_that_did_not_answer_is_left(outcome: str) -> None:
    assert [one.index for one in upcoming(TARGETS, (), HOME, [Tried(HOME, "first", outcome)])] == [1, 2]
    assert not list(upcoming(TARGETS, {0}, HOME, [Tried(EU, "", outcome)]))


def test_the_record() -> None:
    assert told([], f"{HOME} first 200") == {}
    failed = Tried(HOME, "first", "429", 12)
    assert told([failed], "") == {"attempts": "1", "attempted": f"{HOME} first 429 12ms"}
    assert told([Tried(HOME, "first", "resting"), Tried(EU, "eu", "reset", 3)], f"{HOME} second 200") == {
        "attempts": "2",  # what rested was not asked
        "attempted": f"{HOME} first resting 0ms; {EU} eu reset 3ms",
        "answered_by": f"{HOME} second 200",
    }


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "Wed, 21 Oct 2020 07:28:00 GMT"}, 0.0),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.2.3"}, None),
        ({"retry-after": "."}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(lambda name: headers.get(name, "")) == seconds


@pytest.mark.parametrize(
    ("said", "best"),
    [
        ([Said(500), Said(502)], Said(502)),
        ([Said(429, 20.0), Said(500)], Said(429, 20.0)),
        ([Said(500), Said(503, 5.0)], Said(503, 5.0)),
        ([Said(429, 20.0), Said(429, 5.0), Said(503, 60.0)], Said(429, 5.0)),
        ([Said(401), Said(500)], Said(500)),
        ([Said(500), Said(401)], Said(500)),
        ([Said(401), Said(401)], Said(401)),
    ],
)
def test_the_reply_that_tells_most(said: list[Said], best: Said) -> None:
    found = None
    for one in said:
        found = more_useful(found, one)
    assert found == best and best.tells is (best.status != 401)
