from __future__ import annotations

import json
from typing import Any

from weir.model import Endpoint, Exchange, Inspection, Reply
from weir.providers.formats.mcp_events import McpEvents, McpReader


def read(data: bytes, kind: str = "application/json", *tools: str) -> Reply:
    reader = McpReader(McpEvents(tools), kind, False)
    assert reader.feed(data) + reader.close() == data
    return reader.reply()


def result(value: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode()


def test_how_a_call_ended() -> None:
    assert read(result({"isError": True})).finish_reason == "tool_error"
    assert read(result({"resultType": "input_required"})).finish_reason == "input_required"
    assert read(result({})).finish_reason == "complete"
    assert read(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}').finish_reason == "error"


def test_the_tool_that_was_called_is_named_once() -> None:
    data = b"data: " + result({}) + b"\n\ndata: " + result({}) + b"\n\n"
    assert read(data, "text/event-stream", "search").tool_calls == (("", "search"),)


def test_the_address_of_the_older_generation_is_no_fault() -> None:
    reply = read(b"event: endpoint\ndata: /messages?sessionId=1\n\n", "text/event-stream")
    assert (reply.inspection, reply.text) == (Inspection.INSPECTED, "")


def test_a_word_in_the_place_of_a_reply_is_a_text() -> None:
    assert read(b"Accepted", "text/plain").inspection is Inspection.INSPECTED


def test_texts_are_kept_and_what_is_encoded_is_not() -> None:
    content = [{"type": "text", "text": "hello"}, {"type": "image", "data": "iVBORw0KGgo", "mimeType": "image/png"}]
    assert read(result({"content": content})).text == "hello"


def test_no_shape_is_too_strange() -> None:
    for value in (None, [], 7, {"serverInfo": 1}, {"content": {"a": [[["x"]]]}}, {"message": {"toolCalls": [1]}}):
        assert isinstance(read(result(value)), Reply)
    assert Exchange(Endpoint("", "mcp", ""), "", False)
