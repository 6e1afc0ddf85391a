from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Reply
from weir.providers.formats.workers_ai import WorkersAI

EXCHANGE = Exchange(Endpoint("cloudflare-workers-ai", "workers_ai", "predict"), "@cf/meta/llama", False)


def read(doc: Any, kind: str = "application/json") -> Reply:
    reader = WorkersAI().reader(EXCHANGE, kind)
    reader.feed(json.dumps(doc).encode())
    reader.close()
    return reader.reply()


@pytest.mark.parametrize(
    "result",
    [
        {"response": "hi"},
        "hi",
        {"choices": [{"message": {"content": "hi"}}]},
        {"text": "hi", "words": [{"word": "hi"}]},
        {"translated_text": "hi"},
    ],
)
def test_the_envelope_holds_the_models_reply(result: Any) -> None:
    assert read({"result": result, "success": True, "errors": []}).text == "hi"


def test_a_failure_in_the_envelope() -> None:
    assert read({"result": None, "success": False, "errors": [{"message": "no"}]}).finish_reason == "error"
    assert read({"success": False, "errors": []}).finish_reason == "error"


def test_a_failure_in_a_stream_stands_complete() -> None:
    reader = WorkersAI().reader(EXCHANGE, "text/event-stream")
    reader.feed(b'data: {"response":"a"}\n\ndata: {"success":false,"errors":[{"message":"no"}]}\n\n')
    assert reader.reply().text == "a" and reader.reply().finish_reason == "error"


def test_tools_are_named() -> None:
    reply = read({"result": {"tool_calls": [{"name": "look", "arguments": {}}]}, "success": True})
    assert reply.tool_calls == (("", "look"),)
