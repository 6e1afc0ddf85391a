from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Reply
from weir.providers.formats.web_claude import ClaudeWeb

ENDPOINT = Endpoint("claude-web", "claude_web", "chat")
ROOT = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, ""),
        ({"parent_message_uuid": ROOT}, ""),
        ({"parent_message_uuid": "0199f0e1-0000-7000-8000-000000000001"}, "earlier turns kept by the provider"),
        ({"files": ["uuid"]}, "file kept by the provider"),
    ],
)
def test_what_stands_with_the_provider(more: dict[str, Any], reason: str) -> None:
    exchange = ClaudeWeb().parse(json.dumps({"prompt": "hello you", **more}).encode(), ENDPOINT)
    assert (exchange.reason, exchange.stream) == (reason, True)
    assert [(s.role, s.text) for s in exchange.segments if s.pointer == "/prompt"] == [("user", "hello you")]


def read(data: bytes) -> Reply:
    dialect = ClaudeWeb()
    reader = dialect.reader(dialect.parse(b"{}", ENDPOINT), "text/event-stream")
    assert reader.feed(data) + reader.close() == data
    return reader.reply()


def test_the_older_form_is_a_piece_an_event() -> None:
    events = [{"type": "completion", "completion": text, "stop_reason": None} for text in ("one", " two")]
    events.append({"type": "completion", "completion": "", "stop_reason": "stop_sequence"})
    reply = read(b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events))
    assert (reply.text, reply.complete, reply.finish_reason) == ("one two", True, "stop_sequence")


def test_an_error_ends_it() -> None:
    assert (
        read(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n').finish_reason == "error"
    )
