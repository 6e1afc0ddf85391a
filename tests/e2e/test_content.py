"""MCP and protobuf through the running proxy: recognised on hosts that nobody lists, held to the policy, recorded."""

from __future__ import annotations

import gzip
import json

from e2e.support import House, access_key

TOOLS = "https://api.orders.example/mcp"
HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}


def call(query: str) -> dict[str, object]:
    params = {"name": "find_order", "arguments": {"query": query}}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def test_a_tool_call_is_recorded_by_its_name(house: House) -> None:
    with house.client() as http:
        assert http.post(TOOLS, json=call("gauge"), headers=HEADERS).status_code == 200
    record = house.only("response")
    assert (record["operation"], record["inspection"], record["usage_source"]) == (
        "mcp.tools/call",
        "inspected",
        "none",
    )
    assert [(tool["name"], tool["mcp_server"]) for tool in record["tool_calls"]] == [
        ("find_order", "api.orders.example")
    ]
    assert record["cost_nano"] == 0


def test_a_credential_in_its_arguments_stays_here(house: House) -> None:
    with house.client() as http:
        reply = http.post(TOOLS, json=call(f"log in with {access_key()}"), headers=HEADERS)
    assert reply.status_code == 400 and reply.json()["jsonrpc"] == "2.0"
    assert house.doubles.requests() == []
    assert house.only()["operation"] == "mcp.tools/call"


def test_a_credential_in_packed_protobuf_stays_here(house: House) -> None:
    text = f"deploy with {access_key()}".encode()
    packed = gzip.compress(b"\x0a" + bytes((len(text),)) + text)
    body = b"\x01" + len(packed).to_bytes(4, "big") + packed
    with house.client() as http:
        reply = http.post(
            "https://api.openai.com/any.v1.Service/Call",
            content=body,
            headers={"content-type": "application/connect+proto"},
        )
    assert reply.status_code == 400 and json.loads(reply.content)["code"] == "permission_denied"
    assert house.doubles.requests() == []
    record = house.only()
    assert (record["inspection"], record["operation"]) == ("unparsed", "rpc")
    assert record["findings"]
