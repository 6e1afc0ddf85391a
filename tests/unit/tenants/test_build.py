"""The section of a whole policy, with mistakes at its own lines."""

from __future__ import annotations

import pytest

from weir.settings import PolicyError, loads
from weir.tenants.build import tenant_doubts, tenant_mistakes, tenants_of

OURS = "550e8400-e29b-41d4-a716-446655440000"


def test_a_policy_without_the_section_restricts_nothing() -> None:
    assert not tenants_of(loads("version: 1"))


def test_a_policy_with_it() -> None:
    tenants = tenants_of(loads(f"version: 1\ntenants:\n  claude: [{OURS}]\n  microsoft-consumer: block\n"))
    assert tenants.of("claude.ai") and tenants.of("login.live.com") and not tenants.of("chatgpt.com")


def test_mistakes_are_told_at_their_lines() -> None:
    settings = loads(f"version: 1\ntenants:\n  chatgpt:\n    - {OURS}\n    - nonsense-{'x' * 20}\n  acme: [a]\n")
    mistakes = tenant_mistakes(settings)
    assert [(one.line, one.field) for one in mistakes] == [(5, "tenants.chatgpt[1]"), (6, "tenants.acme")]
    assert "nonsense" not in str(mistakes)
    with pytest.raises(PolicyError) as caught:
        tenants_of(settings)
    assert caught.value.mistakes == mistakes


@pytest.mark.parametrize(
    ("exclude", "wrong"),
    [
        ("login.live.com", True),
        ('"*.live.com"', True),
        ('"login.*.com"', True),
        ("live.com", False),
        ("mail.google.com", False),
        ('"*.google.com"', True),
    ],
)
def test_hosts_that_policy_keeps_undecrypted_are_a_mistake(exclude: str, wrong: bool) -> None:
    text = (
        f"version: 1\nintercept: {{exclude: [{exclude}]}}\ntenants: {{microsoft-consumer: block, google: [a.example]}}"
    )
    assert bool(tenant_mistakes(loads(text))) is wrong


def test_a_wide_restriction_is_pointed_out() -> None:
    (doubt,) = tenant_doubts(loads(f"version: 1\ntenants:\n  claude: [{OURS}]\n  google: [a.example]\n"))
    assert doubt.line == 4 and "*.google.com" in doubt.problem and "hosts" in doubt.remedy
    narrow = "version: 1\ntenants: {google: {domains: [a.example], hosts: [accounts.google.com]}}"
    assert not tenant_doubts(loads(narrow))
