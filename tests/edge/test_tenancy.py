"""What a restricted vendor's exchange gets and shows: decided on traces, without a proxy."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from harness.rig import Rig, chat
from weir.edge.tenancy import RULE, UNREAD, overtake
from weir.model import Action

OURS, OTHERS = "550e8400-e29b-41d4-a716-446655440000", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
TENANTS: dict[str, Any] = {
    "chatgpt": [OURS],
    "claude": [OURS],
    "google": ["example.com"],
    "microsoft": {"tenants": ["example.com"], "context": OURS},
}
SERVICES = {"sanctioned": ["chatgpt", "claude-web", "anthropic", "openai"], "otherwise": "unknown"}
ANSWERED = b'{"error_code": "tenant_restriction_violation"}'


@pytest.fixture
def tenants_rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig(tenants=TENANTS, services=SERVICES)


def notes(rig: Rig) -> dict[str, str]:
    found: dict[str, str] = orjson.loads(rig.records[-1].extra or "{}")
    return found


def test_the_header_is_set_when_all_have_looked(tenants_rig: Rig) -> None:
    flow = tenants_rig.flow(
        host="chatgpt.com", path="/", method="GET", headers={"chatgpt-allowed-workspace-id": OTHERS}
    )
    trace = tenants_rig.play(flow, "requestheaders", "request", until="policy")
    assert flow.request.headers["chatgpt-allowed-workspace-id"] == OTHERS
    tenants_rig.addon("tenants").request(flow)
    assert flow.request.headers.get_all("chatgpt-allowed-workspace-id") == [OURS]
    assert trace.extra == {"tenant": "chatgpt", "tenant_header": "set", "tenant_copies": "1"}


def test_a_request_that_is_refused_already_is_left_alone(tenants_rig: Rig) -> None:
    flow = tenants_rig.flow(chat("AKIA" + "3QZ7TX5NWJ2KDLPV"), host="chatgpt.com", path="/backend-api/conversation")
    tenants_rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and "chatgpt-allowed-workspace-id" not in flow.request.headers
    assert tenants_rig.records[-1].rule_id == "no-credentials"


def test_a_websocket_gets_the_header(tenants_rig: Rig) -> None:
    headers = {"upgrade": "websocket", "connection": "upgrade, ChatGPT-Allowed-Workspace-Id"}
    flow = tenants_rig.flow(host="ws.chatgpt.com", path="/", method="GET", headers=headers)
    tenants_rig.play(flow, "requestheaders", "request", until="tenants")
    assert flow.request.headers["chatgpt-allowed-workspace-id"] == OURS
    assert flow.request.headers["connection"] == "upgrade"


@pytest.mark.parametrize("body", [b"", b"passwd=heron"])
def test_sign_in_is_nobodys_to_read(tenants_rig: Rig, body: bytes) -> None:
    flow = tenants_rig.flow(body, host="login.microsoftonline.com", path="/common/login")
    trace = tenants_rig.play(flow, "requestheaders", "request")
    assert trace.unread and trace.exchange is None and trace.body is None and not trace.signals
    assert tenants_rig.records[-1].inspection_reason == UNREAD and flow.response is None


@pytest.mark.parametrize(("tenant_only", "unread"), [(True, True), (False, False)])
def test_a_host_that_is_decrypted_for_more_is_looked_at(tenants_rig: Rig, tenant_only: bool, unread: bool) -> None:
    flow = tenants_rig.flow(b"{}", host="script.google.com", path="/x")
    first = tenants_rig.play(flow, "requestheaders", until="begin")
    first.link.tenant_only = tenant_only
    trace = tenants_rig.play(flow, "requestheaders", "request")
    assert trace.unread is unread


@pytest.mark.parametrize("host", ["gemini.google.com", "claude.ai"])
def test_an_ai_service_is_read_whatever_it_was_decrypted_for(tenants_rig: Rig, host: str) -> None:
    flow = tenants_rig.flow(chat("hello"), host=host, path="/x")
    tenants_rig.play(flow, "requestheaders", until="begin").link.tenant_only = True
    assert not tenants_rig.play(flow, "requestheaders", "request").unread


def test_a_name_behind_another_connection_does_not_hide_what_is_sent(tenants_rig: Rig) -> None:
    """A connection opened for sign-in, a request for somewhere else: it is looked at."""
    flow = tenants_rig.flow(b"{}", host="mail.google.com", headers={"host": "llm.example"})
    tenants_rig.play(flow, "requestheaders", until="begin").link.tenant_only = True
    trace = tenants_rig.play(flow, "requestheaders", "request", until="tenants")
    assert not trace.unread and flow.request.headers["x-googapps-allowed-domains"] == "example.com"


@pytest.mark.parametrize(("mode", "status"), [("enforce", 421), ("observe", None)])
def test_a_restricted_name_on_another_hosts_connection_is_misdirected(
    make_rig: Callable[..., Rig], mode: str, status: int | None
) -> None:
    rig = make_rig(tenants=TENANTS, services=SERVICES, mode=mode)
    flow = rig.flow(host="cdn.example", path="/", method="GET", headers={"host": "login.microsoftonline.com"})
    trace = rig.play(flow, "requestheaders", "request")
    assert (flow.response.status_code if flow.response else None) == status
    assert (trace.verdict.action, trace.verdict.rule_id) == (Action.BLOCK, RULE)
    assert rig.records[-1].action == ("block" if status else "allow")
    assert "restrict-access-context" not in flow.request.headers


def test_one_vendors_header_does_not_open_another(tenants_rig: Rig) -> None:
    """A connection to Google that asks for Microsoft: Google's header says nothing there."""
    flow = tenants_rig.flow(
        host="mail.google.com", path="/", method="GET", headers={"host": "login.microsoftonline.com"}
    )
    tenants_rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 421
    assert (tenants_rig.records[-1].kind, tenants_rig.records[-1].rule_id) == ("block", RULE)


def test_a_connection_outlives_the_section_and_stays_unread(rig: Rig) -> None:
    flow = rig.flow(b'{"passwd": "heron"}', host="accounts.google.com", path="/x")
    rig.play(flow, "requestheaders", until="begin").link.tenant_only = True
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.unread and trace.body is None and not trace.signals
    assert rig.records[-1].inspection_reason == UNREAD


@pytest.mark.parametrize(
    ("mode", "host", "reason", "ends"),
    [
        ("enforce", "mail.google.com", "uncatalogued", True),
        ("enforce", "MAIL.google.com.", "excluded", True),
        ("enforce", "mail.google.com", "not HTTP", False),  # it would be no other if it began anew
        ("enforce", "shop.example", "uncatalogued", False),
        ("observe", "mail.google.com", "uncatalogued", False),
    ],
)
def test_which_undecrypted_connections_a_new_policy_ends(
    make_rig: Callable[..., Rig], mode: str, host: str, reason: str, ends: bool
) -> None:
    rig = make_rig(tenants=TENANTS, services=SERVICES, mode=mode)
    flow = rig.flow(host=host)  # held: a connection that nobody holds is no open one
    link = rig.play(flow, "requestheaders", until="begin").link
    link.sni, link.meter_reason = host, reason
    overtake(rig.state.snapshot)
    assert (link.overtaken, link.meter_reason.startswith("ended")) == (ends, ends)


def test_why_a_head_is_malformed_is_told_on_unread_hosts_too(tenants_rig: Rig) -> None:
    flow = tenants_rig.flow(host="login.microsoftonline.com", path="/x?" + "a=b&" * 2000, method="GET")
    tenants_rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 400
    assert tenants_rig.records[-1].inspection_reason == "too many parts in the target"


def test_without_the_section_nothing_happens(rig: Rig) -> None:
    flow = rig.flow(
        host="login.microsoftonline.com", path="/", method="GET", headers={"restrict-access-context": OTHERS}
    )
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.restriction is None and not trace.unread and flow.request.headers["restrict-access-context"] == OTHERS


def test_a_stronger_rule_keeps_its_name(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(mode="observe", tenants=TENANTS, services={"unsanctioned": ["chatgpt"]})
    flow = rig.flow(host="chatgpt.com", path="/backend-anon/x", method="GET")
    verdict = rig.play(flow, "requestheaders", "request").verdict
    assert (verdict.rule_id, verdict.rules) == ("approved-only", ("approved-only", RULE))
    assert verdict.reason.endswith("; tenant: use without signing in")


@pytest.mark.parametrize(
    ("host", "path", "status", "body", "headers", "account"),
    [
        ("claude.ai", "/api/x", 403, ANSWERED, {}, "personal"),
        ("claude.ai", "/api/x", 403, b"{}", {}, ""),
        ("claude.ai", f"/api/organizations/{OURS}/x", 403, ANSWERED, {}, "personal"),
        ("chatgpt.com", "/backend-api/me", 403, b"{}", {}, "personal"),
        ("login.microsoftonline.com", "/x", 200, b"AADSTS5000211: no", {"content_type": "text/html"}, "personal"),
        ("api.anthropic.com", "/v1/models", 200, b"{}", {"anthropic_organization_id": OURS}, "company"),
    ],
)
def test_a_reply_shows_whose_account_it_was(
    tenants_rig: Rig, host: str, path: str, status: int, body: bytes, headers: dict[str, str], account: str
) -> None:
    flow = tenants_rig.flow(host=host, path=path, method="GET")
    tenants_rig.play(flow, "requestheaders", "request")
    trace = tenants_rig.reply(flow, body, status=status, **headers)
    assert trace.account == tenants_rig.records[-1].account == account
    assert flow.response is not None and flow.response.raw_content == body
    assert (trace.verdict.action is Action.ALERT) is (account == "personal")


def test_a_company_account_that_may_not_is_no_personal_one(tenants_rig: Rig) -> None:
    """A bare 403 says little: where the client named the company's workspace it is taken for what it is."""
    flow = tenants_rig.flow(
        host="chatgpt.com", path="/backend-api/x", method="GET", headers={"chatgpt-account-id": OURS}
    )
    tenants_rig.play(flow, "requestheaders", "request")
    assert tenants_rig.reply(flow, b"{}", status=403).account == "company"


def test_names_are_kept_as_fingerprints_only(tenants_rig: Rig) -> None:
    flow = tenants_rig.flow(host="chatgpt.com", path="/", method="GET", headers={"chatgpt-account-id": OTHERS})
    tenants_rig.play(flow, "requestheaders", "request")
    assert tenants_rig.records[-1].account == "personal" and len(notes(tenants_rig)["tenant_account"]) == 16
    assert OTHERS not in repr(tenants_rig.records)


def test_our_own_refusal_is_not_taken_for_the_vendors(tenants_rig: Rig) -> None:
    flow = tenants_rig.flow(chat("AKIA" + "3QZ7TX5NWJ2KDLPV"), host="chatgpt.com", path="/backend-api/conversation")
    trace = tenants_rig.play(flow, "requestheaders", "request", "responseheaders")
    assert trace.account == ""


def test_listening_to_a_page_has_a_bound(tenants_rig: Rig) -> None:
    """A reply that decompresses to more than any page is no longer read, and passes as it came."""
    flow = tenants_rig.flow(host="login.microsoftonline.com", path="/x", method="GET")
    tenants_rig.play(flow, "requestheaders", "request")
    body = gzip.compress(bytes(64 << 20))
    trace = tenants_rig.reply(flow, body, content_type="text/html", content_encoding="gzip")
    assert trace.pipe is not None and trace.pipe.broken and trace.account == ""
    assert flow.response is not None and flow.response.raw_content == body
