from __future__ import annotations

import json
from typing import Any

from weir.model import Endpoint, Exchange, Reply
from weir.providers.formats.huggingface import HuggingFace

DIALECT = HuggingFace()
ENDPOINT = Endpoint("huggingface", "huggingface", "completions", stream=True)


def parse(doc: Any) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), ENDPOINT)


def read(*events: Any) -> Reply:
    reader = DIALECT.reader(parse({"inputs": "x"}), "text/event-stream")
    for event in events:
        reader.feed(b"data:" + json.dumps(event).encode() + b"\n\n")
    reader.close()
    return reader.reply()


def test_a_conversations_answers_are_the_assistants() -> None:
    doc = {"inputs": {"past_user_inputs": ["a"], "generated_responses": ["b"], "text": "c"}, "options": {"x": "d e"}}
    found = {s.text: s.role for s in parse(doc).segments}
    assert found == {"a": "user", "b": "assistant", "c": "user", "d e": "parameter"}


def test_half_a_report_is_not_taken_for_a_whole_one() -> None:
    details = {"finish_reason": "length", "generated_tokens": 3}
    reply = read({"token": {"text": "a"}, "generated_text": "a", "details": details})
    assert reply.usage is None and reply.complete and reply.finish_reason == "length"


def test_marks_are_not_kept() -> None:
    reply = read({"token": {"text": "<s>", "special": True}}, {"token": {"text": "a"}}, {"token": None})
    assert reply.text == "a" and not reply.complete


def test_chat_is_read_as_chat() -> None:
    reply = read({"choices": [{"index": 0, "delta": {"content": "hi"}}], "usage": {"prompt_tokens": 2}})
    assert reply.text == "hi" and reply.usage and reply.usage.input_tokens == 2


def test_vectors_say_nothing() -> None:
    reader = DIALECT.reader(parse({"inputs": "x"}), "application/json")
    assert reader.feed(b"[[0.1, 0.2]]") + reader.close() == b"[[0.1, 0.2]]"
    assert reader.reply().text == "" and reader.reply().complete
