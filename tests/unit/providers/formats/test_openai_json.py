from __future__ import annotations

import json

import pytest

from weir.model import Endpoint, Exchange
from weir.providers.formats.openai_json import AnthropicJson, OpenAIJson
from weir.providers.replies.notes import Notes

ENDPOINT = Endpoint("openai", "openai_json", "conversations")


@pytest.mark.parametrize("dialect", [OpenAIJson(), AnthropicJson()])
def test_every_text_is_read_and_can_be_edited(dialect: OpenAIJson | AnthropicJson) -> None:
    body = b'{"instructions": "be kind", "deep": [{"down": {"below": "jane roe"}}], "tools": [{"name": "look"}]}'
    found = dialect.parse(body, ENDPOINT)
    assert {s.pointer: s.role for s in found.segments} == {
        "/instructions": "system",
        "/deep/0/down/below": "parameter",
        "/tools/0/name": "tool_definition",
    }
    assert dialect.replace(body, {"/deep/0/down/below": "<A>"}) == body.replace(b"jane roe", b"<A>")
    assert found.tools == ("look",)


def test_refusals_are_in_the_shape_of_the_provider() -> None:
    assert b'"type":"error"' in AnthropicJson().refusal(403, "no", "r")
    assert b'"code":"r"' in OpenAIJson().refusal(403, "no", "r")


def test_a_run_reports_its_usage_when_it_is_over() -> None:
    reader = OpenAIJson().reader(Exchange(ENDPOINT, "", True), "text/event-stream")
    run = {
        "id": "run_1",
        "model": "gpt-4o",
        "status": "completed",
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }
    reader.feed(
        b"event: thread.run.completed\ndata: " + json.dumps(run).encode() + b"\n\nevent: done\ndata: [DONE]\n\n"
    )
    reader.close()
    reply = reader.reply()
    assert reply.complete and reply.usage is not None and (reply.usage.input_tokens, reply.model) == (5, "gpt-4o")


def test_what_is_held_back_has_an_event_like_the_one_it_was_in() -> None:
    events, notes = OpenAIJson().events(Exchange(ENDPOINT, "", True)), Notes()
    doc = {
        "id": "msg_1",
        "object": "thread.message.delta",
        "delta": {"content": [{"index": 0, "text": {"value": "so"}}]},
    }
    (place,) = events.event("thread.message.delta", doc, notes).places
    assert place.text == "so"
    assert events.tail(doc, place, "rest") == {"delta": {"content": [{"index": 0, "text": {"value": "rest"}}]}}
