"""The section ``credentials`` as a hit among all others."""

from __future__ import annotations

import pytest

from weir.model import Action, Principal, Service
from weir.policy.case import Case, Shown
from weir.policy.credentials import credential_hit, ruling
from weir.policy.decide import Policy
from weir.settings import loads

POLICY = """
version: 1
keys: {openai: {secret: "env:K"}}
credentials:
  kinds: {admin: block, personal: {then: replace, else: alert}, oauth: replace, unknown: alert}
  services: {groq: {admin: allow, otherwise: {then: block, say: "Not {service}, not with {rule}."}}}
rules:
  - {id: no-people, if: {credential_kind: [personal, oauth], service: mistral}, then: block}
  - {id: not-theirs, if: {service: cohere}, unless: {credential_kind: project}, then: block}
"""
SETTINGS = loads(POLICY)
ENGINE = Policy.compile(SETTINGS)
WHO = Principal(user="ada", method="basic", strength=2)


def case(*shown: Shown, service: str = "openai", **more: object) -> Case:
    known = Service(service, name=service.title())
    return Case(principal=WHO, service=known, is_ai=True, shown=shown, credential="raw", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "service", "action", "why"),
    [
        ([Shown("project")], "openai", Action.ALLOW, ""),
        ([Shown("unknown")], "openai", Action.ALERT, "credential: unknown: alert"),
        ([Shown("personal")], "openai", Action.ALERT, "personal: replace"),
        ([Shown("personal", "because")], "openai", Action.ALERT, "personal: alert (no other key can take its place: b"),
        ([Shown("oauth", "because")], "openai", Action.BLOCK, "oauth: block (no other key"),
        ([Shown("admin")], "openai", Action.BLOCK, "admin: block"),
        ([Shown("project"), Shown("unknown"), Shown("admin")], "openai", Action.BLOCK, "unknown: alert, admin: block"),
        ([Shown("admin")], "groq", Action.ALLOW, ""),
        ([Shown("api")], "groq", Action.BLOCK, "api: block"),
    ],
)
def test_the_strongest_word_of_all_credentials_holds(
    shown: list[Shown], service: str, action: Action, why: str
) -> None:
    verdict = ENGINE.decide(case(*shown, service=service))
    assert verdict.action is action and why in verdict.reason
    assert verdict.rule_id == ("" if action is Action.ALLOW else "credential")


def test_what_the_client_reads() -> None:
    assert "kind: admin" in ENGINE.decide(case(Shown("admin"))).say
    assert ENGINE.decide(case(Shown("api"), service="groq")).say == "Not Groq, not with credential."


def test_replacing_is_for_its_own_credential() -> None:
    found = ruling(SETTINGS, "openai", [Shown("project"), Shown("personal"), Shown("unknown")])
    assert (found.word, found.words) == ("replace", ("allow", "replace", "alert"))


def test_no_credential_no_hit() -> None:
    assert credential_hit(SETTINGS, case()) is None
    assert credential_hit(SETTINGS, Case(shown=(Shown("admin"),))) is None  # not AI
    assert credential_hit(SETTINGS, case(Shown("admin"), direction="response")) is None
    assert ENGINE.decide(Case(principal=WHO, service=Service("openai"), is_ai=True)).action is Action.ALLOW


@pytest.mark.parametrize(
    ("shown", "service", "rule"),
    [
        ([Shown("oauth"), Shown("api")], "mistral", "no-people"),  # one suffices for a rule
        ([Shown("project")], "cohere", ""),
        ([Shown("project"), Shown("api")], "cohere", "not-theirs"),  # an exception needs all
        ([], "cohere", "not-theirs"),
    ],
)
def test_kinds_in_rules(shown: list[Shown], service: str, rule: str) -> None:
    assert (rule in ENGINE.decide(case(*shown, service=service)).rules) is bool(rule)
