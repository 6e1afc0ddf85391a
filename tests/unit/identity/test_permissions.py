"""What a caller may use: before the body is read, and when it is known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from weir.identity.permissions import Permissions, Use
from weir.model import ANONYMOUS, Principal
from weir.sections_identity import Permission

NOON = datetime(2026, 11, 4, 12, 0, tzinfo=UTC).timestamp()  # a Wednesday
NIGHT = NOON + 12 * 3600
ADA = Principal(user="ada", team="finance", groups=("eu", "analysts"), method="jwt", strength=3)
BOT = Principal(app="report-bot", team="finance", method="virtual_key", strength=3)
BOB = Principal(user="bob", team="research", method="basic", strength=2)
OFFICE = Principal(team="finance", method="network", strength=1)
OPENAI = ("openai", "vendor:OpenAI", "category:llm-api")
GIVEN: list[dict[str, Any]] = [
    {"id": "finance-chat", "teams": "finance", "services": "openai", "operations": ["chat"], "models": "gpt-5*",
     "tools": ["search*", "calc"], "hours": "mon-fri 08:00-18:00"},
    {"id": "bot-embeds", "apps": "report-bot", "services": "vendor:openai", "operations": "embeddings"},
    {"id": "analysts", "groups": "analysts", "services": "anthropic"},
    {"id": "people", "users": "*", "services": "category:translation"},
]  # fmt: skip


def permissions(**more: Any) -> Permissions:
    return Permissions([Permission.model_validate(one) for one in GIVEN], **more)


CHAT = Use(OPENAI, "chat", "gpt-5-mini", ("search_web",))


@pytest.mark.parametrize(
    ("who", "use", "now", "rule", "lacks"),
    [
        (ADA, CHAT, NOON, "finance-chat", ""),
        (ADA, Use(OPENAI, "chat", "GPT-5", ()), NOON, "finance-chat", ""),
        (ADA, Use(OPENAI), NOON, "finance-chat", ""),  # the rest is not known yet
        (ADA, Use(OPENAI, "chat"), NOON, "finance-chat", ""),
        (ADA, Use(OPENAI, "embeddings"), NOON, "", "operation"),
        (ADA, Use(OPENAI, "chat", "o9"), NOON, "", "model"),
        (ADA, Use(OPENAI, "chat", ""), NOON, "", "model"),  # the provider's default is not listed
        (ADA, Use(OPENAI, "chat", "gpt-5", ("calc", "shell")), NOON, "", "tool"),
        (ADA, CHAT, NIGHT, "", "hours"),
        (ADA, Use(("anthropic",), "chat", "claude", ("shell",)), NIGHT, "analysts", ""),
        (ADA, Use(("mistral", "vendor:Mistral")), NOON, "", "service"),
        (ADA, Use(("deepl", "category:translation")), NIGHT, "people", ""),
        (BOT, Use(OPENAI, "embeddings", "text-embedding-3"), NIGHT, "bot-embeds", ""),
        (BOT, CHAT, NOON, "finance-chat", ""),
        (BOT, Use(("deepl", "category:translation")), NOON, "", "service"),  # no user: `*` is somebody
        (BOB, CHAT, NOON, "", "service"),
        (OFFICE, CHAT, NOON, "finance-chat", ""),
        (ANONYMOUS, CHAT, NOON, "", "principal"),
        (ANONYMOUS, Use(("deepl", "category:translation")), NOON, "", "principal"),
        (ADA, Use(("openai-lookalike",)), NOON, "", "service"),
        (ADA, Use(()), NOON, "", "service"),
    ],
)
def test_one_permission_has_to_allow_all_of_it(who: Principal, use: Use, now: float, rule: str, lacks: str) -> None:
    ruling = permissions().decide(who, use, now)
    assert (ruling.allowed, ruling.lacks) == (bool(rule), lacks)
    assert ruling.rule_id == (rule or "identity-permissions") and bool(ruling.say) == bool(lacks)


def test_two_permissions_do_not_add_up() -> None:
    both = Permissions(
        [
            Permission.model_validate({"id": "a", "services": "openai", "models": "gpt-5"}),
            Permission.model_validate({"id": "b", "services": "anthropic", "models": "claude-*"}),
        ]
    )
    assert both.decide(ANONYMOUS, Use(("openai",), "chat", "gpt-5"), NOON).rule_id == "a"
    assert not both.decide(ADA, Use(("openai",), "chat", "claude-4"), NOON).allowed


def test_what_is_refused_early_would_be_refused_later_too() -> None:
    for who in (ADA, BOT, BOB, OFFICE, ANONYMOUS):
        for services in (OPENAI, ("anthropic",), ("x",)):
            for model in ("gpt-5", "claude", ""):
                full = Use(services, "chat", model, ("calc",))
                for early in (Use(services), Use(services, "chat"), Use(services, "chat", model)):
                    if permissions().decide(who, full, NOON).allowed:
                        assert permissions().decide(who, early, NOON).allowed


@pytest.mark.parametrize(
    ("required", "strength", "who", "lacks"),
    [
        (True, 2, OFFICE, "strength"),
        (True, 3, BOB, "strength"),
        (True, 2, BOB, ""),
        (True, 3, ADA, ""),
        (False, 3, OFFICE, ""),
        (True, 3, ANONYMOUS, ""),  # that is for identity.required to say
    ],
)
def test_a_proof_may_be_too_weak(required: bool, strength: int, who: Principal, lacks: str) -> None:
    ruling = Permissions([], required=required, strength=strength).decide(who, CHAT, NOON)
    assert (ruling.allowed, ruling.lacks) == (not lacks, lacks)
    assert ruling.rule_id == ("identity-strength" if lacks else "")


def test_whether_there_is_anything_to_ask() -> None:
    assert not Permissions([]) and not Permissions([], strength=3)
    assert Permissions([], required=True, strength=2) and permissions()


def test_a_refusal_by_the_hours_says_which_they_are() -> None:
    late = {"id": "late", "services": "openai", "hours": "22:00-06:00"}
    both = Permissions([Permission.model_validate(one) for one in (late, late | {"hours": "sat,sun 10:00-12:00"})])
    ruling = both.decide(ADA, Use(("openai",)), NOON)
    assert ruling.why == "hours not allowed, only 22:00-06:00 or sat,sun 10:00-12:00"
    assert ruling.say == "You may not use this service at this time, only 22:00-06:00 or sat,sun 10:00-12:00."
    other = both.decide(ADA, Use(("anthropic",)), NOON)
    assert (other.why, other.hours) == ("service not allowed", "") and Permissions([]).decide(ADA, CHAT, NOON).why == ""
