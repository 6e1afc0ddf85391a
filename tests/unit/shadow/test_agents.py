"""What says MCP and A2A, and what is some other service by JSON-RPC."""

import pytest

from weir.shadow.agents import a2a_message, a2a_reply, agent_card, rpc_reply, rpc_shape

META = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
TASK = {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}
CARD = {"skills": [], "capabilities": {}}


def call(method: object, params: object = None) -> dict:
    return {"jsonrpc": "2.0", "id": 1, "method": method} | ({"params": params} if params is not None else {})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (call("initialize", {"protocolVersion": "2025-06-18"}), [("mcp-call", 45)]),
        (call("tools/call", {"name": "x"}), [("mcp-call", 45)]),
        (call("server/discover"), [("mcp-call", 45)]),
        (call("notifications/tools/list_changed"), [("mcp-call", 45)]),
        (call("ping"), [("mcp-call", 10)]),
        (call("ping", META), [("mcp-call", 45)]),
        (call("vendor/own", META), [("mcp-meta", 45)]),
        (call("message/send"), [("a2a-call", 45)]),
        (call("SendStreamingMessage"), [("a2a-call", 45)]),
        (call("GetTask", {"id": "t"}), [("a2a-call", 45)]),
        (call("GetTask"), [("a2a-call", 25)]),
        (call("initialize", {"processId": 1, "capabilities": {}}), []),
        (call("eth_call", []), []),
        (call("vendor/own", {"_meta": {"other": 1}}), []),
        (call(7), []),
        (call("tools/list") | {"jsonrpc": "1.0"}, []),
    ],
)
def test_calls(document: dict, expected: list[tuple[str, int]]) -> None:
    assert [(s.id, s.weight) for s in rpc_shape(document)] == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"protocolVersion": "x", "serverInfo": {}}, ["mcp-result"]),
        ({"resultType": "input_required"}, ["mcp-result"]),
        ({"supportedVersions": ["2026-07-28"], "capabilities": {}}, ["mcp-result"]),
        ({"tools": [{"name": "t", "inputSchema": {}}]}, ["mcp-result"]),
        ({"content": [{"type": "text", "text": "x"}], "isError": False}, ["mcp-result"]),
        ({"resources": [{"uri": "file:///x"}]}, ["mcp-listing"]),
        ({"task": TASK}, ["a2a-result"]),
        ({"kind": "message", "contextId": "c", "messageId": "m"}, ["a2a-result"]),
        ({"capabilities": {"hoverProvider": True}}, []),
        ({"tools": [{"name": "hammer"}]}, []),
        ({"content": [{"type": "paragraph"}]}, []),
        ("0x0", []), ([], []), (None, []), ({}, []),
    ],
)  # fmt: skip
def test_replies(result: object, expected: list[str]) -> None:
    assert [s.id for s in rpc_reply({"jsonrpc": "2.0", "id": 1, "result": result})] == expected
    assert rpc_reply({"jsonrpc": "1.0", "result": result}) == []


def test_messages_of_agents_by_rest() -> None:
    message = {"role": "ROLE_USER", "messageId": "m", "parts": [{"text": "x"}]}
    assert [s.id for s in a2a_message({"message": message})] == ["a2a-message"]
    for wrong in (message | {"role": "member"}, message | {"parts": []}, message | {"role": []}, "x", None):
        assert a2a_message({"message": wrong}) == []
    assert a2a_message({"message": {k: v for k, v in message.items() if k != "messageId"}}) == []


def test_updates_of_tasks() -> None:
    assert a2a_reply({"artifactUpdate": {"contextId": "c", "artifact": {}}})
    assert a2a_reply({"contextId": "c", "name": "a ticket"}) == []
    assert a2a_reply({"task": {"status": {"state": "done"}}}) == []


def test_cards() -> None:
    assert agent_card(CARD | {"protocolVersion": "0.3.0"})
    assert agent_card(CARD | {"supportedInterfaces": []})
    assert agent_card(CARD) == []
    assert agent_card({"skills": ["python"], "capabilities": "many", "protocolVersion": "1"}) == []
