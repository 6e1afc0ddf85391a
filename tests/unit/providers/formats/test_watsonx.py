from __future__ import annotations

import json
from typing import Any

from weir.model import Endpoint, Exchange, Reply
from weir.providers.formats.watsonx import Watsonx

DIALECT = Watsonx()
ENDPOINT = Endpoint("ibm-watsonx", "watsonx", "completions", stream=True)


def parse(doc: Any, endpoint: Endpoint = ENDPOINT) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), endpoint)


def read(*results: Any) -> Reply:
    reader = DIALECT.reader(parse({"input": "x"}), "text/event-stream")
    for number, result in enumerate(results):
        doc = {"model_id": "m", "results": [result]}
        reader.feed(f"id: {number}\nevent: message\ndata: {json.dumps(doc)}\n\n".encode())
    reader.close()
    return reader.reply()


def test_a_deployment_names_no_model_in_its_body() -> None:
    there = Endpoint("ibm-watsonx", "watsonx", "chat", model="my-deployment")
    assert parse({"messages": []}, there).model == "my-deployment"
    assert parse({"model_id": "ibm/granite", "input": "x"}).model == "ibm/granite"


def test_counts_grow() -> None:
    reply = read(
        {"generated_text": "", "generated_token_count": 0, "input_token_count": 9, "stop_reason": "not_finished"},
        {"generated_text": "a", "generated_token_count": 1, "input_token_count": 0, "stop_reason": "not_finished"},
        {"generated_text": "b", "generated_token_count": 2, "input_token_count": 0, "stop_reason": "eos_token"},
    )
    assert reply.usage and (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 2)
    assert (reply.text, reply.complete, reply.finish_reason, reply.model) == ("ab", True, "eos_token", "m")


def test_vectors_tell_what_they_took() -> None:
    reader = DIALECT.reader(parse({"inputs": ["a"]}), "application/json")
    reader.feed(b'{"model_id":"m","results":[{"embedding":[0.1]}],"input_token_count":4}')
    reader.close()
    used = reader.reply().usage
    assert used and (used.input_tokens, used.output_tokens) == (4, 0)
