"""Whose account it is, what no header confines, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from weir.tenants.restrict import Restriction, restrictions
from weir.tenants.signs import follows, plain, refusal_of, refused, shown_by_reply, shown_by_request
from weir.tenants.vendors import load

OURS, OTHERS = "550e8400-e29b-41d4-a716-446655440000", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
SECTION: Mapping[str, Any] = {
    "chatgpt": {"": [OURS]},
    "claude": {"": [OURS]},
    "openai": {"": ["org-ours"]},
    "google": {"": ["a.example"]},
    "microsoft": {"policy": [f"{OURS}:{OURS}"]},
}


def on(host: str) -> Restriction:
    found = restrictions(SECTION, load())[0].of(host)
    assert found is not None
    return found


def lines(**headers: str | Sequence[str]) -> Callable[[str], Sequence[str]]:
    known = {name.replace("_", "-"): [value] if isinstance(value, str) else value for name, value in headers.items()}
    return lambda name: known.get(name, [])


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a/b?c=/d", "/a/b"),
        ("//A//b/", "/a/b"),
        ("/%61/%2562", "/a/b"),
        ("/x/../a", "/a"),
        ("/x/%2e%2e/a", "/a"),
        ("/a;v=1/b;x", "/a/b"),
        ("\\a\\b", "/a/b"),
        ("", "/"),
        ("*", "/*"),
    ],
)
def test_the_path_as_a_lenient_server_reads_it(target: str, path: str) -> None:
    assert plain(target) == path


def test_following_is_by_whole_parts() -> None:
    assert follows("/a", "/a") and follows("/a/b", "/a") and not follows("/ab", "/a")


def test_only_the_vendors_own_paths_are_refused() -> None:
    assert refused(on("chatgpt.com"), "/backend-anon/conversation") and not refused(
        on("chatgpt.com"), "/backend-anonymous"
    )
    assert not refused(on("chatgpt.com"), "/?next=/backend-anon") and not refused(on("claude.ai"), "/backend-anon")


@pytest.mark.parametrize("before", ["./" * 1100, "x" * 3000 + "/../", "%2e/" * 900])
def test_nothing_stands_behind_the_end_of_what_is_read_of_a_path(before: str) -> None:
    assert refused(on("chatgpt.com"), f"/{before}backend-anon/conversation")
    assert not refused(on("claude.ai"), f"/{before}") and not refused(on("chatgpt.com"), f"/c?{before}")


@pytest.mark.parametrize(
    ("host", "target", "headers", "shown"),
    [
        ("chatgpt.com", "/", {"chatgpt_account_id": OURS}, ("company", OURS)),
        ("chatgpt.com", "/", {"chatgpt_account_id": [OURS, OTHERS]}, ("personal", OTHERS)),
        ("chatgpt.com", "/", {"chatgpt_account_id": "me"}, ("", "")),
        ("chatgpt.com", f"/api/organizations/{OTHERS}", {}, ("", "")),
        ("claude.ai", f"/api/organizations/{OURS}/chat", {}, ("company", OURS)),
        ("claude.ai", f"/api//organizations/{OTHERS.upper()}?x", {}, ("personal", OTHERS)),
        ("claude.ai", "/api/organizations", {}, ("", "")),
        ("api.openai.com", "/v1/models", {"openai_organization": "org-ours"}, ("company", "org-ours")),
        ("api.openai.com", "/v1/models", {"openai_organization": "org-else"}, ("personal", "org-else")),
        ("accounts.google.com", "/", {}, ("", "")),
    ],
)
def test_what_a_request_shows(host: str, target: str, headers: dict[str, Any], shown: tuple[str, str]) -> None:
    assert shown_by_request(on(host), target, lines(**headers)) == shown


def test_what_a_reply_shows() -> None:
    assert shown_by_reply(on("api.anthropic.com"), lines(anthropic_organization_id=OTHERS)) == ("personal", OTHERS)
    assert shown_by_reply(on("api.anthropic.com"), lines(anthropic_organization_id="org_1")) == ("", "")
    assert shown_by_reply(on("chatgpt.com"), lines(chatgpt_account_id=OTHERS)) == ("", "")  # that is a request's


@pytest.mark.parametrize(
    ("host", "target", "status", "headers", "is_one"),
    [
        ("chatgpt.com", "/backend-api/me", 403, {}, True),
        ("chatgpt.com", "/backend-api/me", 403, {"cf_mitigated": "challenge"}, False),
        ("chatgpt.com", "/", 403, {}, False),
        ("chatgpt.com", "/backend-api/me", 200, {}, False),
        ("claude.ai", "/x", 403, {}, True),
        ("accounts.google.com", "/x", 200, {}, True),
        ("mail.google.com", "/x", 200, {}, False),
        ("login.windows.net", "/x", 400, {}, True),
        ("api.openai.com", "/x", 403, {}, False),
    ],
)
def test_what_may_be_a_refusal(host: str, target: str, status: int, headers: dict[str, str], is_one: bool) -> None:
    assert (refusal_of(on(host), host, target, status, lines(**headers)) is not None) is is_one
