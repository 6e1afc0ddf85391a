from __future__ import annotations

import json

import pytest

from weir.model import Endpoint
from weir.providers.services.content import by_content

CALL = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}}).encode()


@pytest.mark.parametrize(
    ("operation", "kind", "body", "dialect", "told"),
    [
        ("", "application/json", CALL, "mcp", "mcp.tools/call"),
        ("", "application/grpc", b"\x00\x00\x00\x00\x00", "connect", "rpc"),
        ("page", "application/connect+proto", b"\x00", "connect", "rpc"),
        ("chat", "application/proto", b"\x00", "connect", "chat"),
        ("", "application/grpc", b"", "", ""),
        ("page", "application/json", b'{"a":1}', "", "page"),
        ("", "", b"", "", ""),
    ],
)
def test_what_a_request_shows(operation: str, kind: str, body: bytes, dialect: str, told: str) -> None:
    before = Endpoint("s", "", operation)
    after = by_content(before, "POST", [("Content-Type", kind)], body)
    assert (after.dialect, after.operation, after.service) == (dialect, told, "s")
    assert (after is before) is not bool(dialect)
