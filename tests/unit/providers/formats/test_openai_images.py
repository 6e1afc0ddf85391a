from __future__ import annotations

import json

from weir.model import Endpoint, Exchange
from weir.providers.formats.openai_images import ImageEvents, OpenAIImages
from weir.providers.replies.notes import Notes

DIALECT = OpenAIImages()
ENDPOINT = Endpoint("openai", DIALECT.id, "images")


def test_the_prompt_is_the_users_and_everything_else_is_read_too() -> None:
    body = {"model": "gpt-image-1", "prompt": "a weir", "n": 2, "unheard_of": {"of": "a text in it"}}
    found = DIALECT.parse(json.dumps(body).encode(), ENDPOINT)
    assert [(s.pointer, s.role) for s in found.segments] == [("/prompt", "user"), ("/unheard_of/of", "parameter")]
    assert found.model == "gpt-image-1" and found.parameters == {"n": 2}


def test_a_picture_on_its_way_says_nothing_and_the_picture_its_usage() -> None:
    events, notes = ImageEvents(), Notes()
    assert not events.event("", {"type": "image_edit.partial_image", "b64_json": "aGVsbG8"}, notes).wholes
    usage = {"input_tokens": 3, "output_tokens": 9, "input_tokens_details": {"image_tokens": 2, "text_tokens": 1}}
    step = events.event("", {"type": "image_edit.completed", "b64_json": "aGVsbG8", "usage": usage}, notes)
    assert step.ends == ("",) and notes.complete
    assert notes.usage is not None and notes.usage.parts == (("input_image_tokens", 2),)


def test_an_error_in_the_stream_is_how_it_ended() -> None:
    notes = Notes()
    ImageEvents().event("error", {"type": "error", "error": {"message": "no"}}, notes)
    assert notes.finish_reason == "error"


def test_the_prompt_that_was_really_used_is_kept() -> None:
    reader = DIALECT.reader(Exchange(ENDPOINT, "", False), "application/json")
    data = json.dumps({"data": [{"revised_prompt": "a wide weir", "url": "https://x.example/a.png"}]}).encode()
    assert reader.feed(data) == data and reader.close() == b""
    assert reader.reply().text == "a wide weir"
