"""Claims become a principal as policy maps them, and nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from weir.identity.claims import principal_of, value_at

MAP = {"user": "email", "team": "dept", "app": "azp", "groups": "realm.roles"}


def test_fields_come_from_their_claims() -> None:
    claims = {"email": "ada@example.com", "dept": "finance", "realm": {"roles": ["a", "b", "a"]}, "device": "no"}
    found = principal_of(claims, MAP, {}, {})
    assert found and (found.user, found.team, found.app, found.device) == ("ada@example.com", "finance", "", "")
    assert found.groups == ("a", "b") and (found.method, found.strength) == ("jwt", 3)


def test_teams_are_translated_and_an_unlisted_one_is_none() -> None:
    teams = {"g-fin": "finance", "r-7": "research"}
    base: dict[str, Any] = {"email": "ada"}
    cases = [
        ({"dept": "g-fin"}, "finance"),
        ({"realm": {"roles": ["x", "r-7"]}}, "research"),
        ({"dept": "finance"}, ""),  # the issuer's own word is not ours
        ({}, ""),
    ]
    for claims, team in cases:
        found = principal_of(base | claims, MAP, teams, {})
        assert found and found.team == team, claims


@pytest.mark.parametrize(
    "value", [None, "", 7, True, ["ada"], {"a": 1}, "a" * 257, "ada\nadmin", "ada\x00", " ada", "a\u2028b"]
)
def test_what_is_no_name_is_nobody(value: object) -> None:
    assert principal_of({"email": value}, MAP, {}, {}) is None


def test_required_claims_are_required() -> None:
    require = {"email_verified": "true", "scope": "weir"}
    good: dict[str, Any] = {"email": "ada", "email_verified": True, "scope": ["other", "weir"]}
    assert principal_of(good, MAP, {}, require)
    for change in ({"email_verified": False}, {"scope": "weird"}, {"scope": None}, {"email_verified": 1}):
        assert principal_of(good | change, MAP, {}, require) is None


def test_a_claim_name_may_be_an_address_with_dots() -> None:
    assert value_at({"https://example.com/team": "x"}, "https://example.com/team") == "x"
    assert value_at({"a": {"b": 1}}, "a.b") == 1 and value_at({"a": 1}, "a.b") is None


def test_groups_are_bounded_and_one_text_is_one_group() -> None:
    found = principal_of({"email": "ada", "realm": {"roles": [str(n) for n in range(9999)]}}, MAP, {}, {})
    assert found and len(found.groups) == 200
    one = principal_of({"email": "ada", "realm": {"roles": "user admin"}}, MAP, {}, {})
    assert one and one.groups == ("user admin",)
