"""From the section ``tenants`` to headers, and what is wrong with a section."""

from __future__ import annotations

from typing import Any

import pytest

from weir.tenants.restrict import NOTHING, Restrictions, restrictions
from weir.tenants.vendors import load

OURS, OTHERS = "0c2f3a4b-1111-4222-8333-5d6e7f8090a1", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def made(section: dict[str, Any]) -> Restrictions:
    found, problems = restrictions(section, load())
    assert not problems, problems
    return found


@pytest.mark.parametrize(
    ("section", "host", "headers"),
    [
        ({"chatgpt": {"": [OURS, OTHERS]}}, "chatgpt.com", {"ChatGPT-Allowed-Workspace-Id": f"{OURS},{OTHERS}"}),
        ({"claude": {"organizations": [OURS.upper()]}}, "claude.ai", {"anthropic-allowed-org-ids": OURS}),
        (
            {"google": {"": ["a.example", "b.example"]}},
            "x.google.com",
            {"X-GoogApps-Allowed-Domains": "a.example,b.example"},
        ),
        (
            {"microsoft": {"tenants": ["a.example"], "context": [OURS]}},
            "login.windows.net",
            {"Restrict-Access-To-Tenants": "a.example", "Restrict-Access-Context": OURS},
        ),
        (
            {"microsoft": {"policy": [f"{OURS}:{OTHERS}"]}},
            "login.microsoft.com",
            {"sec-Restrict-Tenant-Access-Policy": f"{OURS}:{OTHERS}"},
        ),
        (
            {"microsoft-consumer": {"": ["block"]}},
            "login.live.com",
            {"sec-Restrict-Tenant-Access-Policy": "restrict-msa"},
        ),
        ({"github": {"": ["a", "b"]}}, "api.github.com", {"sec-GitHub-allowed-enterprise": "a, b"}),
        (
            {"slack": {"requester": ["T0123ABCD"], "workspaces": ["T0123ABCD", "E0123ABCD"]}},
            "acme.slack.com",
            {
                "X-Slack-Allowed-Workspaces-Requester": "T0123ABCD",
                "X-Slack-Allowed-Workspaces": "T0123ABCD,E0123ABCD",
            },
        ),
    ],
)
def test_headers_of_a_host(section: dict[str, Any], host: str, headers: dict[str, str]) -> None:
    found = made(section).of(host)
    assert found is not None and dict(found.headers) == headers


def test_other_hosts_have_none() -> None:
    tenants = made({"chatgpt": {"": [OURS]}})
    assert tenants and tenants.of("claude.ai") is None and tenants.of("chatgpt.com.evil.example") is None
    assert not NOTHING and NOTHING.of("chatgpt.com") is None


def test_no_vendors_header_may_come_from_a_client() -> None:
    names = made({"chatgpt": {"": [OURS]}}).names
    assert {"chatgpt-allowed-workspace-id", "anthropic-allowed-org-ids", "restrict-access-context"} <= names


def test_policy_may_name_some_of_the_hosts() -> None:
    tenants = made({"google": {"domains": ["a.example"], "hosts": ["accounts.google.com", "*.docs.google.com"]}})
    assert tenants.hosts == ("accounts.google.com", "*.docs.google.com")
    assert tenants.of("accounts.google.com") and tenants.of("x.docs.google.com") and not tenants.of("mail.google.com")


@pytest.mark.parametrize(
    ("section", "place", "said"),
    [
        ({"chatgtp": {"": [OURS]}}, ("chatgtp",), "write chatgpt"),
        ({"zzz": {"": [OURS]}}, ("zzz",), "known: chatgpt, claude"),
        ({"chatgpt": {"": [OURS, "x"]}}, ("chatgpt", 1), "is not a UUID"),
        ({"chatgpt": {"workspaces": ["x"]}}, ("chatgpt", "workspaces", 0), "is not a UUID"),
        ({"chatgpt": {"workspace": [OURS]}}, ("chatgpt", "workspace"), "write workspaces"),
        ({"google": {"": ["example.com, example.org"]}}, ("google", 0), "is not a domain"),
        ({"microsoft": {"tenants": ["a.example"]}}, ("microsoft",), "write tenants and context, or policy"),
        ({"microsoft": {"": ["a.example"]}}, ("microsoft",), "write a mapping with tenants, context, policy"),
        ({"microsoft": {"tenants": ["a.example"], "context": [OURS, OTHERS]}}, ("microsoft", "context"), "write one"),
        ({"microsoft-consumer": {"": ["allow"]}}, ("microsoft-consumer", 0), "write block"),
        ({"chatgpt": {"": [OURS] * 101}}, ("chatgpt",), "at most 100"),
        ({"google": {"": [f"{'a' * 60}.{'b' * 60}.example" for _ in range(60)]}}, ("google",), "for its length"),
        (
            {"claude": {"organizations": [OURS], "hosts": ["example.com"]}},
            ("claude", "hosts", 0),
            "hosts among claude.ai",
        ),
        ({"claude": {"hosts": ["claude.ai"]}}, ("claude",), "does not say enough"),
    ],
)
def test_a_mistake_has_a_place_and_a_remedy(section: dict[str, Any], place: tuple[str | int, ...], said: str) -> None:
    _, problems = restrictions(section, load())
    assert problems and problems[0].place == place
    assert said in f"{problems[0].problem}; {problems[0].remedy}"
    assert OURS not in str(problems)


def test_what_policy_keeps_undecrypted_gets_no_header() -> None:
    _, problems = restrictions({"microsoft-consumer": {"": ["block"]}}, load(), lambda host: host == "login.live.com")
    assert [p.place for p in problems] == [("microsoft-consumer",)] and "intercept.exclude" in problems[0].problem


@pytest.mark.parametrize(
    ("value", "account"),
    [(OURS, "company"), (f" {OURS.upper()} ", "company"), (OTHERS, "personal"), ("x", ""), ("", "")],
)
def test_whose_account_a_name_is(value: str, account: str) -> None:
    found = made({"chatgpt": {"": [OURS]}}).of("chatgpt.com")
    assert found is not None and found.account("workspaces", value) == account
