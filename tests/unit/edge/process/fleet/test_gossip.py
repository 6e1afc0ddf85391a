"""What one worker learns, all know: pins, guesses, reasons and hosts, as if there were one process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from weir.edge.process.fleet.gossip import Gossip
from weir.identity.throttle import FREE_NAME, Throttle
from weir.policy.coach import Held

WHO = ("192.0.2.1", "abcd")
HELD = Held("caller", "192.0.2.1", "openai", {"ask": frozenset({"pii/email"})}, instead=(("weir", "https://weir"),))


class Two:
    """Two workers whose words reach each other as JSON, and who said how much."""

    def __init__(self) -> None:
        self.said: list[Mapping[str, Any]] = []
        self.states = [SimpleNamespace(throttle=Throttle()) for _ in range(2)]
        self.gossips: list[Gossip] = []
        for number, state in enumerate(self.states):
            self.gossips.append(Gossip(state, lambda what, number=number: self._pass(number, what)))  # type: ignore[arg-type,misc]

    def _pass(self, number: int, what: Mapping[str, Any]) -> None:
        self.said.append(what)
        self.gossips[1 - number].heard(orjson.loads(orjson.dumps(what))["say"])


@pytest.fixture
def two() -> Two:
    return Two()


def test_refusals_of_the_certificate_add_up(two: Two) -> None:
    first, second = (state.pins for state in two.states)
    first.failed(WHO, "api.example", 2, 24)
    assert not second.holds(WHO, "api.example", 24)
    assert second.failed(WHO, "api.example", 2, 24) == 2
    assert first.holds(WHO, "api.example", 24) and second.holds(WHO, "api.example", 24)
    first.trusted(WHO, "api.example")
    assert not second.holds(WHO, "api.example", 24)
    assert len(two.said) == 3, "what is heard is not said again"


def test_guesses_add_up(two: Two) -> None:
    first, second = (state.throttle for state in two.states)
    for count in range(FREE_NAME + 1):
        (first if count % 2 else second).failed("192.0.2.1", "ada", 100.0)
    assert first.wait("192.0.2.1", "ada", 100.0) == second.wait("192.0.2.1", "ada", 100.0) > 0


def test_a_reason_may_be_stated_through_the_other(two: Two) -> None:
    first, second = (state.coaching for state in two.states)
    token, ticket = first.hold(HELD)
    assert second.look(token, "192.0.2.1", "") == ticket
    assert second.grant(token, "192.0.2.1", "", "a good reason", 5) is not None
    grant = first.excused("caller", "openai", "ask", frozenset({"pii/email"}))
    assert grant is not None and grant.reason == "a good reason"
    assert first.look(token, "192.0.2.1", "") is None, "it is used up"
    assert second.grant("unknown", "192.0.2.1", "", "a good reason", 5) is None


def test_hosts_are_told_once_a_while(two: Two) -> None:
    first, second = (state.found for state in two.states)
    for _ in range(5):
        first.pop("llm.example", None)
        first["llm.example"] = None
    assert list(second) == ["llm.example"] and len(two.said) == 1
    for number in range(1_200):
        first[f"h{number}.example"] = None
    assert len(second) == 1_000 and "h1199.example" in second


@pytest.mark.parametrize("told", [{}, {"topic": "pins"}, {"topic": "pins", "said": {"failed": [1]}}, {"topic": "x"}])
def test_what_is_not_understood_is_left_out(two: Two, told: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    two.gossips[0].heard(told)
    assert "not understood" in caplog.text


def test_a_long_name_does_not_silence_a_worker(two: Two) -> None:
    """Anybody may try any name; what is told of it has to fit into a line to the parent, which ends with a worker."""
    first, second = (state.throttle for state in two.states)
    for count in range(FREE_NAME + 1):
        (first if count % 2 else second).failed("192.0.2.1", "\u00e9" * 90_000, 100.0)
    assert first.wait("192.0.2.2", "\u00e9" * 90_000, 100.0) == second.wait("192.0.2.2", "\u00e9" * 300, 100.0) > 0
    assert max(len(json.dumps(one)) for one in two.said) < 4_000
