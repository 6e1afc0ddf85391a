"""What a key is good for, and how its record is written and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from weir.addresses import network
from weir.keys.virtual.record import Grant, KeyBudget, Uses, VirtualKey, VirtualKeysError, from_json, to_json

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
INSIDE, OUTSIDE = "10.20.3.4", "10.21.0.1"
NETS = (network("10.20.0.0/16"), network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("key", "at", "refusal"),
    [
        (VirtualKey("a"), NOW, ""),
        (VirtualKey("a", services=("openai", "groq")), NOW, ""),
        (VirtualKey("a", services=("groq",)), NOW, "service"),
        (VirtualKey("a", expires=NOW), NOW - timedelta(microseconds=1), ""),
        (VirtualKey("a", expires=NOW), NOW, "expired"),
        (VirtualKey("a", expires=NOW, revoked=NOW, services=("groq",)), NOW, "revoked"),
        (VirtualKey("a", grace_until=NOW), NOW - timedelta(microseconds=1), ""),
        (VirtualKey("a", grace_until=NOW), NOW, "rotated"),
        (VirtualKey("a", grace_until=NOW, revoked=NOW), NOW, "revoked"),
    ],
)
def test_refusals(key: VirtualKey, at: datetime, refusal: str) -> None:
    assert key.refusal("openai", at) == refusal


@pytest.mark.parametrize(
    ("given", "asked", "refusal"),
    [
        ({"networks": NETS}, {"address": INSIDE}, ""),
        ({"networks": NETS}, {"address": OUTSIDE}, "network"),
        ({"networks": NETS}, {"address": "::ffff:10.20.3.4"}, ""),
        ({"networks": NETS}, {"address": "::ffff:10.21.0.1"}, "network"),
        ({"networks": NETS}, {"address": "2001:db8::7%eth0"}, ""),
        ({"networks": NETS}, {"address": ""}, "network"),  # a connection that is gone proves nothing
        ({"networks": NETS}, {"address": "/run/weir.sock"}, "network"),
        ({"networks": NETS}, {}, ""),
        ({}, {"address": OUTSIDE}, ""),
        ({"operations": ("chat",)}, {"operation": "chat"}, ""),
        ({"operations": ("chat",)}, {"operation": "images"}, "operation"),
        ({"operations": ("chat",)}, {"operation": ""}, "operation"),
        ({"operations": ("chat",)}, {}, ""),
        ({"models": ("gpt-5*",)}, {"model": "GPT-5-mini"}, ""),
        ({"models": ("gpt-5*",)}, {"model": "gpt-4o"}, "model"),
        ({"models": ("*",)}, {"model": ""}, "model"),  # one that can't be told is not one that is allowed
        ({"models": ("gpt-5*",)}, {}, ""),
        ({"networks": NETS, "services": ("groq",), "models": ("x",)}, {"address": OUTSIDE, "model": "y"}, "network"),
    ],
)
def test_restrictions(given: dict[str, Any], asked: dict[str, Any], refusal: str) -> None:
    assert VirtualKey("a", **given).refusal("openai", NOW, **asked) == refusal


def test_the_state_of_a_key() -> None:
    assert VirtualKey("a").state(NOW) == "active"
    assert VirtualKey("a", expires=NOW).state(NOW) == "expired"
    assert VirtualKey("a", expires=NOW, revoked=NOW).state(NOW) == "revoked"


def test_whom_it_stands_for() -> None:
    who = VirtualKey("vk-1", app="bot", team="finance", user="ada").principal()
    assert (who.app, who.team, who.user, who.key_id) == ("bot", "finance", "ada", "vk-1")
    assert (who.method, who.strength) == ("virtual_key", 3)


@pytest.mark.parametrize(
    ("text", "budget", "shown"),
    [
        ("50/month", KeyBudget("nano_usd", 50 * 10**9, "month"), "50/month"),
        ("$0.01/day", KeyBudget("nano_usd", 10**7, "day"), "0.01/day"),
        ("2.50 USD / hour", KeyBudget("nano_usd", 2_500_000_000, "hour"), "2.5/hour"),
        ("200_000 tokens/minute", KeyBudget("tokens", 200_000, "minute"), "200000 tokens/minute"),
        ("1000/month", KeyBudget("nano_usd", 10**12, "month"), "1000/month"),
    ],
)
def test_budgets(text: str, budget: KeyBudget, shown: str) -> None:
    assert KeyBudget.parse(text) == budget
    assert str(budget) == shown
    assert KeyBudget.parse(shown) == budget


@pytest.mark.parametrize(
    "text", ["", "50", "50/year", "-1/day", "0/day", "1e9/day", "0.0000000001/day", "1.5 tokens/day", "nan/day"]
)
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(ValueError, match="50/month"):
        KeyBudget.parse(text)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"expires": datetime(2027, 1, 1)}, "time zone"),
        ({"team": "a\nb"}, "team is at most"),
        ({"team": "\x1b[2J"}, "team is at most"),
        ({"team": "x" * 201}, "team is at most"),
        ({"models": ("a\0",)}, "model is at most"),
        ({"services": ("a",) * 101}, "services are at most"),
    ],
)
def test_what_cannot_be_recorded_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Grant(**given)


def test_lists_that_are_words_are_mistakes() -> None:
    with pytest.raises(TypeError):
        Grant(services="openai")  # type: ignore[arg-type]


def test_a_record_survives_json() -> None:
    key = VirtualKey(
        "vk-1", "bot", "zoë", "ada", ("openai",), NOW + timedelta(days=1), NOW, NOW, ("gpt-5*",), ("chat",), NETS,
        KeyBudget.parse("5/day"), NOW, None, "for the demo",
    )  # fmt: skip
    assert from_json(to_json(key)) == key
    assert from_json(to_json(VirtualKey("vk-2"))) == VirtualKey("vk-2")


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"id": 1},
        {"id": "a", "app": "a\nb"},
        {"id": "a", "services": "openai"},
        {"id": "a", "services": [1]},
        {"id": "a", "networks": ["10.0.0.1/8"]},
        {"id": "a", "budget": "much"},
        {"id": "a", "expires": "soon"},
        {"id": "a", "expires": "2026-01-01T00:00:00"},
        {"id": "a", "revoked": 5},
        {"id": "a", "revoked": "9999-12-31T23:59:59-14:00"},
        {"id": ""},
        {"id": "=cmd()"},
        {"id": "[red]a"},
        {"id": "a" * 65},
    ],
)
def test_a_damaged_record_is_no_record(entry: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(entry)


def test_what_goes_wrong_is_one_kind_of_error() -> None:
    assert issubclass(VirtualKeysError, Exception) and Uses() == Uses(0, None, "", None)
