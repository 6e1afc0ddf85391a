from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from weir.reports.shadow.cells import UsedBy
from weir.reports.shadow.model import Blind, Credential, Hint, Service, Step
from weir.reports.shadow.steps import MOST, size, steps

NOW = datetime(2026, 1, 2)


def service(name: str, **given: Any) -> Service:
    values: dict[str, Any] = {
        "id": name.lower(), "name": name, "category": "assistant", "status": "unsanctioned", "score": 70, "users": 14,
        "requests": 100, "bytes_up": 200_000_000, "hosts": (f"{name.lower()}.example",), "sources": ("live",),
        "reasons": ("the policy forbids it", "it trains on what is sent to it"),
    }  # fmt: skip
    return Service(**{**values, **given})


def used(who: str, name: str) -> UsedBy:
    return UsedBy(who, True, "", name, 1, 0, 0, NOW, 0)


def made(*services: Service, **given: Any) -> list[Step]:
    values: dict[str, Any] = {"uses": (), "credentials": (), "blind": (), "hints": (), "personal": {}}
    return list(steps(services, **{**values, **given}))


def test_block_what_is_unsanctioned_and_say_why() -> None:
    (step,) = made(service("X", findings=2))
    assert (step.title, step.services) == ("Block X", ("x",))
    assert step.why == "14 users, 100 requests, 200 MB sent, 2 sensitive findings; it trains on what is sent to it"
    assert step.command == "rules: [{id: no-x, if: {service: x}, then: block}]", "against X and nothing else"


def test_what_only_logs_know_was_not_sent_in_0_bytes_and_a_host_is_named_as_one() -> None:
    step = next(one for one in made(service("X", bytes_up=0, sources=("dns",))) if one.title == "Block X")
    assert step.why == "14 users, 100 requests; it trains on what is sent to it"
    found = service("ai.example", hosts=("ai.example",), discovered=True, category="discovered")
    assert [one.command for one in made(found)] == ["rules: [{id: no-ai-example, if: {host: ai.example}, then: block}]"]


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ({"status": "unknown", "users": 1}, "Decide about X: sanction or block it"),
        ({"status": "unknown", "score": 30}, "Approve X, or name another"),
        ({"status": "unknown", "users": 1, "discovered": True}, "Find out what X is"),
        ({"blocked": 100}, None),
        ({"status": "tolerated"}, None),
        ({"status": "sanctioned"}, None),
    ],
)
def test_what_there_is_to_decide(given: dict[str, Any], title: str | None) -> None:
    assert [step.title for step in made(service("X", **given))] == ([title] if title else [])


def test_more_people_more_bytes_more_findings_and_a_worse_score_weigh_more() -> None:
    least = service("Least", users=2, bytes_up=0)
    others = [service("Most", users=40), service("Bad", users=2, bytes_up=0, score=95),
              service("Leaky", users=2, bytes_up=0, findings=9)]  # fmt: skip
    titles = [step.title for step in made(least, *others)]
    assert titles[-1] == "Block Least" and titles[0] == "Block Most"


def test_accounts_of_the_sanctioned_one_for_those_who_have_none() -> None:
    good, bad = service("Good", status="sanctioned"), service("Bad")
    found = made(good, bad, uses=[used("anna", "bad"), used("ben", "bad"), used("ben", "good")])
    (step,) = [one for one in found if one.title.startswith("Give")]
    assert step.title == "Give 1 user an account of Good" and "they use Bad" in step.why


def test_credentials_accounts_blind_spots_and_hints() -> None:
    good = service("Good", status="sanctioned")
    found = {step.title: step for step in made(
        good,
        credentials=[Credential("good", "personal", "0123", ("anna",), 4, NOW)],
        personal={"good": 3},
        blind=[Blind("a.example", "Good", "pinned", "", 2, 9, 100, NOW),
               Blind("b.example", "", "metered", "", 1, 1, 1, NOW)],
        hints=[Hint("odd.example", "a long reply", 1, 2, 3, NOW)],
    )}  # fmt: skip
    assert set(found) == {
        "Replace 1 personal credential at Good", "Move 3 users of Good to the company's account",
        "Look at 2 clients of Good: no trust in weir's CA", "Raise coverage at b.example",
        "Look into odd.example: it may be AI",
    }  # fmt: skip
    assert found["Look into odd.example: it may be AI"].why.endswith("A hint, not a fact")


def test_what_weir_lacks() -> None:
    titles = [step.title for step in made(service("X", unidentified=90, sources=("squid",), blocked=100))]
    assert titles == ["Send 1 more service through weir", "Find out who the callers are"]


def test_many_of_a_kind_are_folded_into_one() -> None:
    many = made(*(service(f"S{number}", users=number + 1) for number in range(40)))
    (last,) = [step for step in many if "more services" in step.title]
    assert last.title == "Decide about 34 more services" and len(last.services) == 34
    assert len(many) <= MOST
    assert [step.weight for step in many] == sorted((step.weight for step in many), reverse=True)


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (12_300, "12 kB"), (999_600, "1.0 MB"), (4_200_000_000, "4.2 GB"),
     (10**18, "1000000.0 TB")],
)  # fmt: skip
def test_sizes(count: int, said: str) -> None:
    assert size(count) == said


@pytest.mark.parametrize("host", ["a`id`.example", "a$(id).example", 'a"; id; ".example', "a' OR 1=1 --.example"])
def test_nobody_writes_into_a_command_by_the_name_of_a_host(host: str) -> None:
    one = service("Odd", discovered=True, status="unknown", hosts=(host,))
    dark = Blind(host, "", "metered", "", 3, 3, 1, NOW)
    commands = [step.command for step in made(one, blind=(dark,)) if "host = '" in step.command]
    assert len(commands) == 2
    for command in commands:
        assert re.fullmatch(r"weir audit sql \"FROM \w+ WHERE host = '[\w.:-]*' LIMIT 20\"", command)
