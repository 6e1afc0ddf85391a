from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Unparsed
from weir.providers.formats.mcp import Mcp, operation_of, signs

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": {"q": "x"}}}
START = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
SESSION = [("Mcp-Session-Id", "s")]


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("method", "headers", "sent", "operation"),
    [
        ("POST", [], body(CALL), "mcp.tools/call"),
        ("POST", [], body(START), "mcp.initialize"),
        ("POST", [], body([CALL, CALL]), "mcp.tools/call"),
        ("POST", [], body([CALL, {**CALL, "method": "tools/list"}]), "mcp.batch"),
        ("POST", SESSION, body({"jsonrpc": "2.0", "id": 1, "result": {}}), "mcp.reply"),
        ("POST", SESSION, body({"jsonrpc": "2.0", "id": 1, "method": "made/up"}), "mcp.other"),
        ("POST", SESSION, body({"jsonrpc": "2.0", "id": 1, "method": "ping"}), "mcp.ping"),
        ("POST", SESSION, b'{"jsonrpc": broken', "mcp.other"),
        ("GET", SESSION, b"", "mcp.stream"),
        ("DELETE", [("MCP-Protocol-Version", "2025-06-18")], b"", "mcp.end"),
        # others that speak JSON-RPC
        ("POST", [], body({"jsonrpc": "2.0", "id": 1, "method": "ping"}), ""),
        ("POST", [], body({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"rootUri": "x"}}), ""),
        ("POST", [], body({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": []}), ""),
        ("POST", [], body({"jsonrpc": "2.0", "id": 1, "result": {}}), ""),
        ("POST", [], body({"messages": []}), ""),
        ("POST", [], b'"jsonrpc"', ""),
        ("GET", [], b"", ""),
    ],
)  # fmt: skip
def test_what_is_mcp(method: str, headers: list[tuple[str, str]], sent: bytes, operation: str) -> None:
    assert signs(method, headers, sent) == operation


def test_a_method_is_one_that_is_known() -> None:
    assert operation_of([{"method": "rm -rf / " * 9}]) == "mcp.other"
    assert operation_of([{"method": 7}]) == "mcp.other"


@pytest.mark.parametrize(
    "sent", [b"[]", b"{}", b"[1]", b'{"jsonrpc":"1.0"}', b"null", body([CALL, 1]), body([CALL] * 1001)]
)
def test_what_is_no_message(sent: bytes) -> None:
    with pytest.raises(Unparsed):
        Mcp().parse(sent, Endpoint("", "mcp", ""))


def test_what_a_message_would_be_another_one_by_is_read_only() -> None:
    sent = body({**CALL, "id": "call-number-1", "method": "secret words"})
    exchange = Mcp().parse(sent, Endpoint("h", "mcp", "mcp.other"))
    fixed = {s.pointer: s.text for s in exchange.segments if s.pointer.endswith("#key")}
    assert fixed == {"/id#key": "call-number-1", "/method#key": "secret words", "/params/name#key": "search"}
    with pytest.raises(Unparsed):
        Mcp().replace(sent, {"/method#key": "x"})


def test_headers_that_repeat_arguments_are_texts_of_their_own() -> None:
    dialect = Mcp().bound([("Mcp-Param-Region", "eu-west"), ("Mcp-Name", "search"), ("accept", "x")])
    exchange = dialect.parse(body(CALL), Endpoint("h", "", ""))
    assert [(s.pointer, s.text) for s in exchange.segments[-2:]] == [
        ("#header/mcp-param-region", "eu-west"),
        ("#header/mcp-name", "search"),
    ]


def test_a_refusal_is_an_error_of_json_rpc() -> None:
    error = json.loads(Mcp().refusal(400, "no", "rule-1"))["error"]
    assert error == {"code": -32000, "message": "no (weir rule: rule-1)", "data": {"rule": "rule-1"}}
    assert Mcp().abort_event("no", "r").startswith(b"\n\nevent: message\ndata: {")
