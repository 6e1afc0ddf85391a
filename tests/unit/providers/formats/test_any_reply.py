from __future__ import annotations

from typing import Any

import pytest

from weir.model import Endpoint, Exchange
from weir.providers.formats.any_reply import ShapeEvents
from weir.providers.formats.flat import FlatEvents
from weir.providers.replies.notes import Notes

EXCHANGE = Exchange(Endpoint("s", "prompt_json", "chat"), "m", True)
GEMINI = {"candidates": [{"content": {"parts": [{"text": "hi"}]}}], "usageMetadata": {"promptTokenCount": 3}}
RESPONSE = {
    "object": "response",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}],
    "usage": {"input_tokens": 3, "output_tokens": 1},
}


@pytest.mark.parametrize(
    "doc",
    [
        {"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 3}},
        {"type": "message", "content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 3}},
        GEMINI,
        RESPONSE,
        {"generated_text": "hi", "usage": {"prompt_tokens": 3}},
    ],
    ids=["chat", "messages", "gemini", "responses", "flat"],
)
def test_the_maker_shows_in_the_document(doc: Any) -> None:
    notes = Notes()
    ShapeEvents(EXCHANGE, FlatEvents()).whole(doc, notes)
    reply = notes.reply()
    assert reply.text == "hi" and reply.usage and reply.usage.input_tokens == 3


def test_the_name_of_an_event_is_no_type() -> None:
    """``message`` is what any event is called that has no name."""
    step = ShapeEvents(EXCHANGE, FlatEvents()).event("message", {"generated_text": "hi"}, Notes())
    assert [place.text for place in step.places] == ["hi"]


def test_what_is_held_back_goes_out_in_the_makers_shape() -> None:
    events = ShapeEvents(EXCHANGE, FlatEvents())
    doc: Any = {"id": "c", "choices": [{"index": 0, "delta": {"content": "so <A"}}]}
    step = events.event("", doc, Notes())
    tail = events.tail(doc, step.places[0], "<A")
    assert tail == {"id": "c", "choices": [{"index": 0, "delta": {"content": "<A"}, "finish_reason": None}]}
