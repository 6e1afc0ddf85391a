from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Inspection
from weir.providers.formats.prompt_json import PromptJson

ENDPOINT = Endpoint("fal", "prompt_json", "images", model="m")


def parse(doc: Any) -> Exchange:
    return PromptJson().parse(json.dumps(doc).encode(), ENDPOINT)


def test_roles_go_by_the_names_of_prompts() -> None:
    doc = {
        "prompt": "a",
        "negative_prompt": "b",
        "text_prompts": [{"text": "c"}],
        "input": {"text": "d", "system_prompt": "e"},
        "instructions": "f",
        "messages": [{"role": "assistant", "content": "g"}],
        "style": "h i",
    }
    found = {s.text: s.role for s in parse(doc).segments}
    users = dict.fromkeys("abcd", "user")
    assert found == {**users, "e": "system", "f": "system", "g": "assistant", "h i": "parameter"}


def test_settings_are_found_one_level_down() -> None:
    found = parse({"parameters": {"seed": 3}, "input": {"num_outputs": 2}, "temperature": 0.5}).parameters
    assert found == {"seed": 3, "n": 2, "temperature": 0.5}


@pytest.mark.parametrize(
    "doc",
    [
        {"image_url": "https://a.example/x.png"},
        {"image": "https://a.example/x.png"},
        {"input": {"mask": "HTTPS://a.example/x.png"}},
    ],
)
def test_what_the_provider_fetches_is_not_seen(doc: Any) -> None:
    found = parse(doc)
    assert found.inspection is Inspection.PARTIAL and found.reason.startswith("remote ")


def test_a_stream_of_nobodys_shape_is_read() -> None:
    reader = PromptJson().reader(parse({"prompt": "x", "stream": True}), "text/event-stream")
    stream = b'data: {"text":"so "}\n\ndata: {"text":"it is","usage":{"prompt_tokens":2,"completion_tokens":3}}\n\n'
    assert reader.feed(stream) == stream and reader.close() == b""
    reply = reader.reply()
    assert reply.text == "so it is" and reply.usage and reply.usage.output_tokens == 3
