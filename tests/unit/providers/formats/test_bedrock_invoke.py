from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Inspection, Usage
from weir.providers.formats.bedrock_invoke import BedrockInvoke
from weir.providers.replies.notes import Notes

DIALECT = BedrockInvoke()
ENDPOINT = Endpoint("aws-bedrock", "bedrock_invoke", "invoke", model="m")
METRICS = {"inputTokenCount": 5, "outputTokenCount": 3, "cacheReadInputTokenCount": 20, "cacheWriteInputTokenCount": 1}


def events() -> Any:
    return DIALECT.events(Exchange(ENDPOINT, "m", True))


def whole(doc: dict[str, Any]) -> Notes:
    notes = Notes()
    events().whole(doc, notes)
    return notes


@pytest.mark.parametrize(
    ("doc", "text", "counts", "finish"),
    [
        (
            {"generation": "a", "prompt_token_count": 2, "generation_token_count": 1, "stop_reason": "stop"},
            "a",
            (2, 1),
            "stop",
        ),
        (
            {"inputTextTokenCount": 4, "results": [{"outputText": "b", "tokenCount": 1}, {"tokenCount": 2}]},
            "b",
            (4, 3),
            "",
        ),
        ({"outputs": [{"text": "c", "stop_reason": "length"}]}, "c", None, "length"),
        ({"completion": "d", "stop_reason": "stop_sequence"}, "d", None, "stop_sequence"),
        ({"completions": [{"data": {"text": "e"}}], "prompt": "p"}, "e", None, ""),
        ({"text": "f", "generation_id": "g", "chat_history": [{"message": "h"}]}, "f", None, ""),
        ({"embedding": [1.0], "inputTextTokenCount": 3}, "", (3, 0), ""),
        ({"message": "no"}, "", None, "error"),
    ],
)
def test_replies_of_each_vendor(doc: dict[str, Any], text: str, counts: Any, finish: str) -> None:
    reply = whole(doc).reply()
    assert (reply.text, reply.finish_reason) == (text, finish)
    assert reply.usage == (Usage(*counts, source="reported") if counts else None)


def test_metrics_count_where_the_model_does_not() -> None:
    notes = Notes()
    events().event("chunk", {"outputs": [{"text": "x"}], "amazon-bedrock-invocationMetrics": METRICS}, notes)
    assert notes.usage == Usage(26, 3, 20, 1, source="reported") and notes.complete
    notes = Notes()
    reader = events()
    reader.event("chunk", {"type": "message_delta", "usage": {"input_tokens": 7, "output_tokens": 4}}, notes)
    reader.event("chunk", {"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS}, notes)
    assert notes.usage == Usage(7, 4, source="reported")


def test_pictures_are_not_read() -> None:
    reply = whole({"images": ["iVBORw0KGgo"], "maskImage": "a note"}).reply()
    assert (reply.inspection, reply.reason, reply.text) == (Inspection.PARTIAL, "image", "")


def test_roles_and_parameters_of_each_vendor() -> None:
    body = {
        "inputText": "a text",
        "textGenerationConfig": {"maxTokenCount": 9},
        "tools": [{"name": "one"}],
        "toolConfig": {"tools": [{"toolSpec": {"name": "two"}}]},
    }
    found = DIALECT.parse(json.dumps(body).encode(), ENDPOINT)
    assert found.tools == ("one", "two") and found.parameters == {"max_tokens": 9}
    assert [s.role for s in found.segments if s.text == "a text"] == ["user"]


def test_what_runs_asynchronously_names_its_model_in_the_body() -> None:
    body = b'{"modelId": "amazon.nova-reel-v1:0", "modelInput": {"textToVideoParams": {"text": "a boat"}}}'
    found = DIALECT.parse(body, Endpoint("aws-bedrock", "bedrock_invoke", "videos"))
    assert found.model == "amazon.nova-reel-v1:0"


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [None], [{"text": 1}]])
@pytest.mark.parametrize(
    "name",
    ["type", "choices", "results", "outputs", "generation", "amazon-bedrock-invocationMetrics", "output", "event_type"],
)
def test_no_shape_is_too_odd(name: str, value: Any) -> None:
    events().event("chunk", {name: value}, Notes())
    whole({name: value})


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        ({"x-amzn-bedrock-input-token-count": "5", "x-amzn-bedrock-output-token-count": "3"}, (5, 3, 0, 0)),
        (
            {
                "x-amzn-bedrock-input-token-count": "5",
                "x-amzn-bedrock-output-token-count": "3",
                "x-amzn-bedrock-cache-read-input-token-count": "20",
                "x-amzn-bedrock-cache-write-input-token-count": "1",
            },
            (26, 3, 20, 1),
        ),
        ({"x-amzn-bedrock-input-token-count": " 7 "}, (7, 0, 0, 0)),
    ],
)
def test_counts_in_headers(headers: dict[str, str], counts: tuple[int, ...]) -> None:
    found = DIALECT.header_usage(headers)
    assert found is not None and found.source == "reported"
    assert (found.input_tokens, found.output_tokens, found.cache_read_tokens, found.cache_write_tokens) == counts


@pytest.mark.parametrize("value", ["", "-1", "many", "1e3", "9" * 20, "²"])
def test_headers_that_count_nothing(value: str) -> None:
    assert DIALECT.header_usage({"x-amzn-bedrock-input-token-count": value}) is None
    assert DIALECT.header_usage({}) is None
