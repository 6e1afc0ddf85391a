"""The section ``credentials``: which treatment holds for a kind, and which mistakes it does not take."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from weir.sections_credentials import FIXED, KINDS, Credentials
from weir.settings import PolicyError, loads

SECTION = {
    "kinds": {"admin": "block", "personal": {"then": "replace", "else": "alert"}, "otherwise": "alert"},
    "services": {
        "openai": {"personal": {"then": "block", "say": "No {service} keys of your own."}, "project": "allow"}
    },
}


@pytest.mark.parametrize(
    ("service", "kind", "then"),
    [
        ("openai", "personal", "block"),  # the service's word goes first
        ("openai", "project", "allow"),
        ("openai", "admin", "block"),
        ("openai", "oauth", "alert"),
        ("anthropic", "personal", "replace"),
        ("anthropic", "unknown", "alert"),
    ],
)
def test_which_treatment_holds(service: str, kind: str, then: str) -> None:
    assert Credentials.model_validate(SECTION).treatment(service, kind).then == then


def test_otherwise_of_a_service_goes_before_what_is_said_of_all() -> None:
    section = Credentials.model_validate({"kinds": {"api": "allow"}, "services": {"openai": {"otherwise": "block"}}})
    assert section.treatment("openai", "api").then == "block" and section.treatment("groq", "api").then == "allow"


def test_an_empty_section_allows_everything() -> None:
    assert {Credentials().treatment("openai", kind).then for kind in KINDS} == {"allow"}


def test_what_cannot_be_replaced_is_blocked_unless_else_says_otherwise() -> None:
    section = Credentials.model_validate(
        {"kinds": {"personal": "replace", "api": {"then": "replace", "else": "allow"}}}
    )
    assert section.treatment("x", "personal").word(replaceable=True) == "replace"
    assert section.treatment("x", "personal").word(replaceable=False) == "block"
    assert section.treatment("x", "api").word(replaceable=False) == "allow"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kinds": {"persnal": "block"}}, "write personal"),
        ({"kinds": {"personal": "refuse"}}, "known"),
        ({"kinds": {"personal": {"then": "block", "else": "alert"}}}, "else"),
        ({"kinds": {"personal": {"then": "block", "say": "{key}"}}}, "placeholder"),
        ({"services": {"openai": {"session": "replace"}}}, "services.openai.session"),
        ({"personal": "block"}, "Extra"),
        *(({"kinds": {kind: "replace"}}, "can't be done") for kind in FIXED),
    ],
)
def test_mistakes(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Credentials.model_validate(fields)
    assert said in str(raised.value) + str([error.get("ctx") for error in raised.value.errors()])


def test_a_mistake_names_its_line_and_what_to_write() -> None:
    with pytest.raises(PolicyError) as raised:
        loads("version: 1\ncredentials:\n  kinds:\n    persnal: block\n    admin: block\n")
    (mistake,) = raised.value.mistakes
    assert mistake.line == 4 and "personal" in mistake.remedy


@pytest.mark.parametrize(
    "section",
    [
        "credentials: {services: {openai: {personal: replace}}}\nkeys: {anthropic: {secret: env:K}}",
        "credentials: {kinds: {personal: {then: replace, else: alert}}}",
    ],
)
def test_nothing_is_replaced_by_a_key_that_is_not_there(section: str) -> None:
    with pytest.raises(PolicyError) as raised:
        loads(f"version: 1\n{section}\n")
    (mistake,) = raised.value.mistakes
    assert mistake.line == 2 and "add it to keys" in mistake.remedy


@pytest.mark.parametrize(("glob", "good"), [("personal", True), ("aws-*", True), ("*", True), ("persnal", False)])
def test_kinds_in_a_rule(glob: str, good: bool) -> None:
    text = f'version: 1\nrules: [{{id: r, if: {{credential_kind: "{glob}"}}, then: alert}}]\n'
    if good:
        assert loads(text).rules[0].when.credential_kind == (glob,)
    else:
        with pytest.raises(PolicyError, match="personal"):
            loads(text)
