"""What the caller may use: asked of the headers, of the whole, and of each message."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.rig import Rig, chat
from weir.edge.identity.permits import MALFORMED, decide_early, objection
from weir.edge.trace import trace_of
from weir.model import Endpoint

NETWORKS = [
    {"cidr": "10.1.0.0/16", "team": "finance"},
    {"cidr": "10.2.0.0/16", "team": "legal"},
]
PERMISSIONS = [
    {
        "id": "finance",
        "teams": "finance",
        "services": "openai",
        "models": "gpt-5*",
        "operations": ["chat", "embeddings"],
    },
    {"id": "tools", "teams": "legal", "tools": ["search", "read_*"]},
]


def made(make_rig: Callable[..., Rig], **more: Any) -> Rig:
    identity = {"networks": NETWORKS, "permissions": PERMISSIONS, **more.pop("identity", {})}
    return make_rig(identity=identity, **more)


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("a service", {"host": "api.anthropic.com", "path": "/v1/messages"}, "service"),
    ("an operation", {"path": "/v1/images/generations"}, "operation"),
    ("nobody", {"peer": "192.0.2.1"}, "principal"),
    (
        "a model in the path",
        {"host": "generativelanguage.googleapis.com", "path": "/v1beta/models/x:generateContent"},
        "service",
    ),
]


@pytest.mark.parametrize(("options", "lacks"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_headers_are_enough(make_rig: Callable[..., Rig], options: dict[str, Any], lacks: str) -> None:
    rig = made(make_rig)
    flow = rig.flow(chat(), headers={"expect": "100-continue"}, **options)
    trace = rig.play(flow, "requestheaders")
    assert flow.response is not None and flow.response.status_code == 403
    assert flow.response.headers["x-weir-rule"] == "identity-permissions"
    assert trace.early and "expect" not in flow.request.headers
    rig.play(flow, "request")
    record = rig.records[-1]
    assert (record.kind, record.verdict, record.action, record.rule_id) == (
        "block",
        "block",
        "block",
        "identity-permissions",
    )
    assert record.reason == f"identity-permissions: {lacks} not allowed" and record.identity_rule == ""


@pytest.mark.parametrize(
    ("body", "lacks"),
    [(chat(model="o9"), "model"), (b'{"messages": []}', "model"), (chat(), "")],
    ids=["o9", "none", "fine"],
)
def test_the_body_is_asked_too(make_rig: Callable[..., Rig], body: bytes, lacks: str) -> None:
    rig = made(make_rig)
    flow = rig.flow(body)
    trace = rig.play(flow, "requestheaders")
    assert flow.response is None and not trace.early and trace.identity_rule == "finance"
    rig.play(flow, "request")
    record = rig.records[-1]
    assert record.identity_rule == ("" if lacks else "finance")
    if lacks:
        assert flow.response is not None and lacks in json.loads(flow.response.content or b"")["error"]["message"]
        assert record.reason.startswith("identity-permissions: model not allowed")


@pytest.mark.parametrize(
    ("path", "body", "allowed"),
    [
        ("/v1/chat/completions", chat(models=["gpt-5-nano"]), True),
        ("/v1/chat/completions", chat(models=["gpt-5-nano", "o9"]), False),
        ("/v1/chat/completions", chat(Model="o9"), False),
        ("/v1/realtime/client_secrets", b'{"session": {"type": "realtime", "model": "o9"}}', False),
        ("/v1/realtime/client_secrets", b'{"session": {"type": "realtime", "model": "gpt-5-live"}}', True),
    ],
)
def test_every_model_that_is_named_is_asked_about(
    make_rig: Callable[..., Rig], path: str, body: bytes, allowed: bool
) -> None:
    permissions = [{"id": "a", "teams": "finance", "models": "gpt-5*"}, {"id": "b", "teams": "legal", "models": "o9"}]
    rig = made(make_rig, identity={"permissions": permissions})
    flow = rig.flow(body, path=path)
    rig.play(flow, "requestheaders", "request")
    assert (flow.response is None) is allowed
    assert allowed or rig.records[-1].reason.startswith("identity-permissions: model not allowed")


@pytest.mark.parametrize(("name", "allowed"), [("read_file", True), ("delete_file", False)])
def test_tools_are_asked_about(make_rig: Callable[..., Rig], name: str, allowed: bool) -> None:
    rig = made(make_rig)
    tools = [{"type": "function", "function": {"name": one}} for one in ("search", name)]
    flow = rig.flow(chat(tools=tools), peer="10.2.0.1")
    rig.play(flow, "requestheaders", "request")
    assert (flow.response is None) is allowed
    assert rig.records[-1].identity_rule == ("tools" if allowed else "")


def test_observe_records_what_it_would_have_been(make_rig: Callable[..., Rig]) -> None:
    rig = made(make_rig, mode="observe")
    flow = rig.flow(chat(model="o9"), host="api.anthropic.com", path="/v1/messages")
    rig.play(flow, "requestheaders", "request")
    assert flow.response is None
    record = rig.records[-1]
    assert (record.verdict, record.action, record.rule_id) == ("block", "allow", "identity-permissions")


@pytest.mark.parametrize(
    ("identity", "peer", "rule"),
    [
        ({"required": True}, "192.0.2.1", "identity-required"),
        ({"required": True, "strength": 2}, "10.1.0.1", "identity-strength"),
        ({"required": True, "strength": 2}, "192.0.2.1", "identity-required"),
        ({"required": True}, "10.1.0.1", ""),
        ({}, "192.0.2.1", ""),
    ],
)
def test_who_is_asked_before_what(
    make_rig: Callable[..., Rig], identity: Mapping[str, Any], peer: str, rule: str
) -> None:
    rig = make_rig(identity={"networks": NETWORKS, **identity})
    flow = rig.flow(chat(), peer=peer)
    trace = rig.play(flow, "requestheaders")
    assert (flow.response is not None) is bool(rule) and trace.verdict.rule_id == rule
    rig.play(flow, "request")
    passed = identity and not rule
    assert rig.records[-1].identity_rule == ("identity-required" if passed else "")


def test_what_is_no_ai_service_needs_no_permission(make_rig: Callable[..., Rig]) -> None:
    rig = made(make_rig, identity={"required": True})
    flow = rig.flow(b"", host="www.news.example", path="/", peer="192.0.2.1")
    rig.play(flow, "requestheaders", "request")
    assert flow.response is None and rig.records[-1].action == "allow"


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_contradiction_is_a_rule_of_its_own(make_rig: Callable[..., Rig], mode: str) -> None:
    rig = made(make_rig, mode=mode)
    flow = rig.flow(chat())
    rig.play(flow, "requestheaders", until="shadow")
    trace = trace_of(flow)
    assert trace is not None
    trace.conflict = "team"
    found = objection(trace, None, "", ())
    assert found is not None and found.rule_id == "identity-conflict" and "team" in found.why
    decide_early(trace, flow)
    assert (flow.response is not None) is (mode == "enforce")


def test_a_message_that_names_a_model_is_asked_about(make_rig: Callable[..., Rig]) -> None:
    rig = made(make_rig)
    trace = rig.play(rig.flow(chat()), "requestheaders")
    endpoint = Endpoint("openai", "openai_realtime", "chat")
    assert objection(trace, endpoint, "gpt-5-mini", ()) is None
    refused = objection(trace, endpoint, "o9", ())
    assert refused is not None and refused.why == "model not allowed"
    assert objection(trace, endpoint, "", ()) is not None, "the provider's default is on no list"


def test_a_socket_is_asked_about_under_the_policy_in_force(make_rig: Callable[..., Rig]) -> None:
    rig = made(make_rig)
    trace = rig.play(rig.flow(chat()), "requestheaders")
    endpoint = Endpoint("openai", "openai_realtime", "chat")
    withdrawn = made(make_rig, identity={"permissions": [PERMISSIONS[1]]}).state.snapshot
    rig.state.snapshot = withdrawn
    assert objection(trace, endpoint, "gpt-5-mini", ()) is None, "a request ends under the policy that it began with"
    trace.socket = object()  # type: ignore[assignment]
    refused = objection(trace, endpoint, "gpt-5-mini", ())
    assert refused is not None and refused.why == "principal not allowed"


def test_weirs_own_page_and_malformed_requests_are_not_answered_early(make_rig: Callable[..., Rig]) -> None:
    rig = made(make_rig)
    own = rig.flow(b"", path="/.well-known/weir/coach/x", method="GET")
    assert not rig.play(own, "requestheaders").early
    malformed = rig.flow(chat())
    malformed.request.headers.add("content-type", "application/json")
    malformed.request.headers.add("host", "api.anthropic.com")
    trace = rig.play(malformed, "requestheaders")
    assert trace.refused_by == MALFORMED and not trace.early and malformed.response is not None


@pytest.mark.parametrize(("name", "allowed"), [("read_page", True), ("wipe_disk", False)])
def test_a_tool_of_a_server_is_asked_about_when_it_is_called(
    make_rig: Callable[..., Rig], name: str, allowed: bool
) -> None:
    rig = made(make_rig, services={"otherwise": "sanctioned"})
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}}
    accept = {"accept": "application/json, text/event-stream"}
    flow = rig.flow(json.dumps(call).encode(), host="tools.corp.example", path="/mcp", headers=accept, peer="10.2.0.1")
    rig.play(flow, "requestheaders", "request")
    assert (flow.response is None) is allowed
    assert rig.records[-1].reason.startswith("" if allowed else "identity-permissions: tool not allowed")
