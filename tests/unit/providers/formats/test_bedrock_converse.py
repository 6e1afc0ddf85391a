from __future__ import annotations

import json
from typing import Any

import pytest

from golden.eventwire import unpacked
from weir.model import Endpoint, Inspection, Usage
from weir.providers.formats.bedrock_converse import BedrockConverse, ConverseEvents
from weir.providers.replies.notes import Notes

DIALECT = BedrockConverse()
STREAM = Endpoint("aws-bedrock", "bedrock_converse", "converse", model="m", stream=True)


def parsed(body: dict[str, Any], model: str = "m") -> Any:
    return DIALECT.parse(
        json.dumps(body).encode(), Endpoint("aws-bedrock", "bedrock_converse", "converse", model=model)
    )


def test_stream_and_model_come_from_the_path() -> None:
    found = DIALECT.parse(b'{"messages": [], "model": "other"}', STREAM)
    assert found.stream and found.model == "m" and found.asks_usage


@pytest.mark.parametrize("body", [{}, {"promptVariables": {"a": {"text": "b"}}}])
def test_a_stored_prompt_is_not_seen(body: dict[str, Any]) -> None:
    found = parsed(body, "arn:aws:bedrock:eu-west-1:1:prompt/P1:2")
    assert (found.inspection, found.reason) == (Inspection.PARTIAL, "prompt kept by the provider")
    assert parsed({}, "arn:aws:bedrock:eu-west-1:1:inference-profile/p").inspection is Inspection.INSPECTED


def test_a_file_elsewhere_is_not_seen() -> None:
    source = {"s3Location": {"uri": "s3://bucket/report.pdf"}}
    body = {"messages": [{"role": "user", "content": [{"document": {"format": "pdf", "name": "r", "source": source}}]}]}
    assert parsed(body).reason == "remote file"


def test_bytes_are_attachments() -> None:
    source = {"bytes": "JVBERi0xLjcKJeLjz9MKMSAwIG9iago8PC9UeXBlL0NhdGFsb2c+PgplbmRvYmoKJSVFT0YK" * 2}
    body = {"messages": [{"role": "user", "content": [{"document": {"format": "pdf", "name": "r", "source": source}}]}]}
    (attachment,) = parsed(body).attachments
    assert attachment.data.startswith(b"%PDF") and attachment.name == ""


def test_a_schema_says_what_tools_are() -> None:
    tools = [{"toolSpec": {"name": "a"}}, {"systemTool": {"name": "b"}}, {"cachePoint": {}}, 7]
    assert parsed({"toolConfig": {"tools": tools}}).tools == ("a", "b")
    assert parsed({"toolConfig": 1, "inferenceConfig": []}).tools == ()


def test_usage_counts_the_whole_prompt() -> None:
    notes = Notes()
    usage = {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 10, "cacheWriteInputTokens": 100}
    ConverseEvents().event("metadata", {"usage": dict(usage)}, notes)
    assert notes.usage == Usage(111, 2, 10, 100, source="reported")
    ConverseEvents().event("metadata", {"usage": {"topicPolicyUnits": 1}}, notes)
    assert notes.usage.input_tokens == 111


@pytest.mark.parametrize(
    "name", ["contentBlockDelta", "contentBlockStart", "contentBlockStop", "messageStop", "metadata"]
)
@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, {"delta": 1, "start": 2, "usage": [], "contentBlockIndex": "a"}]
)
def test_no_shape_is_too_odd(name: str, value: Any) -> None:
    notes = Notes()
    ConverseEvents().event(name, value if isinstance(value, dict) else {"delta": value}, notes)
    ConverseEvents().event("", {name: value}, notes)
    ConverseEvents().whole({"output": value, "outputs": [value], "usage": value}, notes)


def test_what_stands_whole_in_a_delta() -> None:
    step = ConverseEvents().event("contentBlockDelta", {"delta": {"citation": {"title": "t"}}}, Notes())
    assert step.wholes == [("/delta/citation", {"title": "t"})]


def test_results_of_the_providers_own_tools_go_on() -> None:
    doc: Any = {"contentBlockIndex": 2, "delta": {"toolResult": [{"text": "a"}, {"json": {"b": "c"}}]}}
    step = ConverseEvents().event("contentBlockDelta", doc, Notes())
    assert [(p.pointer, p.channel, p.text) for p in step.places] == [("/delta/toolResult/0/text", "2.result", "a")]
    assert step.wholes == [("/delta/toolResult/1", {"json": {"b": "c"}})]


def test_a_picture_in_a_stream_is_not_seen() -> None:
    notes = Notes()
    ConverseEvents().event("contentBlockDelta", {"delta": {"image": {"source": {"bytes": "aGk="}}}}, notes)
    assert (notes.reply().inspection, notes.reply().reason) == (Inspection.PARTIAL, "image")


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_refusals_have_the_providers_shape(status: int, name: str) -> None:
    want = {"__type": name, "message": "No. (weir rule: r)"}
    assert json.loads(DIALECT.refusal(status, "No.", "r")) == want
    assert DIALECT.refusal_headers(status) == {"x-amzn-errortype": name}


def test_a_stream_ends_with_an_exception() -> None:
    (event,) = unpacked(DIALECT.abort_event("No.", "r"))
    assert event["headers"][":message-type"] == "exception" and event["payload"] == {"message": "No. (weir rule: r)"}
