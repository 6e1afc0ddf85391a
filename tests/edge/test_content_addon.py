"""MCP, web apps and protobuf in the chain: recognised by what they say, recorded, and held to the policy."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest

from harness.rig import ADDRESS, CREDENTIAL, Rig
from weir.model import Inspection

ALLOWED = {"otherwise": "sanctioned"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": {"q": "weirs"}}}
ACCEPT = {"accept": "application/json, text/event-stream"}
PROTO = {"content-type": "application/connect+proto"}


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig(services=ALLOWED)


def call(arguments: object, **more: object) -> bytes:
    return json.dumps({**CALL, "params": {"name": "search", "arguments": arguments}, **more}).encode()


def field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | 2, len(data))) + data


def frame(data: bytes, flags: int = 0) -> bytes:
    return bytes((flags,)) + len(data).to_bytes(4, "big") + data


def test_a_tool_call_on_any_host_is_an_exchange(rig: Rig) -> None:
    flow = rig.flow(call({"q": "weirs"}), host="tools.corp.example", path="/mcp", headers=ACCEPT)
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.discovered and trace.endpoint is not None and flow.response is None
    assert (trace.endpoint.dialect, trace.endpoint.operation) == ("mcp", "mcp.tools/call")
    assert (trace.inspection, trace.exchange and trace.exchange.tools) == (Inspection.INSPECTED, ("search",))
    rig.reply(flow, json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": []}}).encode())
    record = rig.records[-1]
    assert (record.kind, record.operation, record.usage_source, record.cost_nano) == (
        "response",
        "mcp.tools/call",
        "none",
        0,
    )
    assert [(tool.name, tool.mcp_server) for tool in record.tool_calls] == [("search", "tools.corp.example")]


def test_the_older_generation_posts_beside_its_stream(rig: Rig) -> None:
    flow = rig.flow(call({"q": "x"}), host="tools.corp.example", path="/messages/?session_id=abc")
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.endpoint is not None and trace.endpoint.operation == "mcp.tools/call"
    rig.reply(flow, b"Accepted", content_type="text/plain")
    assert rig.records[-1].inspection == "inspected" and rig.records[-1].action == "allow"


def test_mcp_on_the_host_of_an_ai_service(rig: Rig) -> None:
    flow = rig.flow(call({"q": "x"}), host="api.githubcopilot.com", path="/mcp/", headers=ACCEPT)
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.endpoint is not None and trace.endpoint.operation == "mcp.tools/call"
    assert (trace.service.id, trace.inspection) == ("github-copilot", Inspection.INSPECTED)


def test_arguments_are_held_to_the_rules(rig: Rig) -> None:
    flow = rig.flow(call({"q": f"key {CREDENTIAL}"}), host="tools.corp.example", path="/mcp", headers=ACCEPT)
    rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 400
    assert json.loads(flow.response.content or b"")["jsonrpc"] == "2.0"
    flow = rig.flow(call({"q": f"mail {ADDRESS}"}), host="tools.corp.example", path="/mcp", headers=ACCEPT)
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.edited and ADDRESS.encode() not in (flow.request.content or b"")


def test_an_argument_in_a_header_can_only_be_blocked(rig: Rig) -> None:
    headers = {**ACCEPT, "mcp-method": "tools/call", "mcp-name": "search", "mcp-param-who": ADDRESS}
    flow = rig.flow(call({"who": ADDRESS}), host="tools.corp.example", path="/mcp", headers=headers)
    rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and rig.records[-1].action == "block"


def test_a_team_with_a_list_of_models_may_call_tools(make_rig: Callable[..., Rig]) -> None:
    networks = [{"cidr": "0.0.0.0/0", "team": "it"}]
    rig = make_rig(services=ALLOWED, teams={"it": {"models": ["gpt-5*"]}}, identity={"networks": networks})
    flow = rig.flow(call({"q": "x"}), host="tools.corp.example", path="/mcp", headers=ACCEPT)
    rig.play(flow, "requestheaders", "request")
    assert flow.response is None


@pytest.mark.parametrize(("on_failure", "passes"), [("block", False), ("allow", True)])
def test_protobuf_follows_on_failure(make_rig: Callable[..., Rig], on_failure: str, passes: bool) -> None:
    rig = make_rig(services=ALLOWED, on_failure=on_failure)
    body = frame(field(1, field(1, b"Why is this slow?")))
    flow = rig.flow(body, host="api2.cursor.sh", path="/aiserver.v1.ChatService/StreamUnifiedChat", headers=PROTO)
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.inspection is Inspection.UNPARSED and "protobuf" in trace.reason
    assert (flow.response is None) is passes
    record = rig.records[-1]
    assert (record.inspection, record.rule_id) == ("unparsed", "on-failure")
    assert record.action == ("alert" if passes else "block")


@pytest.mark.parametrize("packed", [False, True])
def test_a_secret_in_protobuf_is_found_and_blocked(make_rig: Callable[..., Rig], packed: bool) -> None:
    rig = make_rig(services=ALLOWED, on_failure="allow")
    message = field(1, field(2, f"deploy with {CREDENTIAL} now".encode()))
    body = frame(gzip.compress(message), 1) if packed else frame(message)
    flow = rig.flow(body, host="api3.cursor.sh", path="/aiserver.v1.ChatService/Chat", headers=PROTO)
    trace = rig.play(flow, "requestheaders", "request")
    assert [finding.detector for finding in trace.findings] and flow.response is not None
    assert rig.records[-1].rule_id == "no-credentials"
    assert json.loads(flow.response.content or b"")["code"] == "permission_denied"


def test_an_address_in_protobuf_cannot_be_changed_and_blocks(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(services=ALLOWED, on_failure="allow")
    body = frame(field(1, f"write to {ADDRESS}".encode()))
    flow = rig.flow(body, host="api2.cursor.sh", path="/aiserver.v1.ChatService/StreamUnifiedChat", headers=PROTO)
    rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and rig.records[-1].rule_id == "no-addresses"


def test_replies_in_protobuf_are_looked_at(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(services=ALLOWED, on_failure="allow")
    flow = rig.flow(frame(field(1, b"hello")), host="api2.cursor.sh", path="/aiserver.v1.AiService/Ask", headers=PROTO)
    rig.play(flow, "requestheaders", "request")
    rig.reply(flow, frame(field(1, f"use {CREDENTIAL}".encode())), content_type="application/connect+proto")
    record = rig.records[-1]
    assert record.inspection == "unparsed"
    assert any(finding.direction == "response" for finding in record.findings)


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/", "text/html", b"<html>hi</html>"),
        ("/assets/a.js", "text/javascript", b"var a"),
        ("/x.png", "image/png", b"\x89"),
    ],
)
def test_parts_of_pages_are_no_noise(rig: Rig, path: str, kind: str, body: bytes) -> None:
    flow = rig.flow(b"", method="GET", host="chatgpt.com", path=path)
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is None and trace.endpoint is not None and trace.endpoint.operation == "read"
    rig.reply(flow, body, content_type=kind)
    record = rig.records[-1]
    assert (record.action, record.findings, record.cost_nano, record.usage_source) == ("allow", (), 0, "none")
    assert record.inspection == "partial"


def test_what_a_page_reports_is_read_and_costs_nothing(rig: Rig) -> None:
    body = json.dumps({"event": "draft", "text": f"a draft with {CREDENTIAL}"}).encode()
    flow = rig.flow(body, host="chatgpt.com", path="/ces/v1/t")
    rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and rig.records[-1].rule_id == "no-credentials"
    flow = rig.flow(b'{"event":"click"}', host="chatgpt.com", path="/ces/v1/t")
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is None and trace.inspection is Inspection.INSPECTED


def test_a_page_in_the_place_of_an_answer_is_let_through(rig: Rig) -> None:
    body = json.dumps({"action": "next", "messages": [], "model": "auto"}).encode()
    flow = rig.flow(body, host="chatgpt.com", path="/backend-api/f/conversation")
    rig.play(flow, "requestheaders", "request")
    rig.reply(flow, b"<html>Just a moment...</html>", status=403, content_type="text/html")
    assert (rig.records[-1].inspection, rig.records[-1].action) == ("partial", "allow")


def test_the_prompt_of_a_page_is_edited_within_its_form(rig: Rig) -> None:
    from urllib.parse import parse_qs, urlencode

    call_ = json.dumps([None, json.dumps([[f"mail {ADDRESS}", 0], ["en"], ["", "", ""]])])
    path = "/_/BardChatUi/data/assistant.lamda.BardFrontendService/StreamGenerate"
    headers = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
    flow = rig.flow(
        urlencode({"f.req": call_, "at": "x"}).encode(), host="gemini.google.com", path=path, headers=headers
    )
    trace = rig.play(flow, "requestheaders", "request")
    sent = parse_qs((flow.request.content or b"").decode())
    prompt = json.loads(json.loads(sent["f.req"][0])[1])[0][0]
    assert trace.edited and ADDRESS not in prompt and prompt.startswith("mail <EMAIL_ADDRESS_")
    assert sent["at"] == ["x"]
