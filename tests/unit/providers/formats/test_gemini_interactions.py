from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types

from weir.model import Endpoint, Exchange, Inspection
from weir.providers.formats.gemini_interactions import GeminiInteractions

DIALECT = GeminiInteractions()
ENDPOINT = Endpoint("google-gemini", "gemini_interactions", "interactions")


def parse(doc: Any) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), ENDPOINT)


@pytest.mark.parametrize(
    ("doc", "reason"),
    [
        ({"input": "x", "previous_interaction_id": "v1"}, "earlier turns kept by the provider"),
        ({"input": "x", "cached_content": "c"}, "prompt kept by the provider"),
        ({"input": "x", "environment": {"type": "remote"}}, "files kept by the provider"),
    ],
)
def test_what_is_kept_elsewhere_is_said(doc: Any, reason: str) -> None:
    found = parse(doc)
    assert found.inspection is Inspection.PARTIAL and found.reason == reason


def test_an_agent_stands_for_a_model() -> None:
    assert parse({"agent": "deep-research", "input": "x"}).model == "deep-research"
    assert parse({"agent": "deep-research", "model": "gemini-3", "input": "x"}).model == "gemini-3"


def read(*events: Any) -> Any:
    reader = DIALECT.reader(parse({"input": "x", "stream": True}), "text/event-stream")
    for event in events:
        reader.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    reader.close()
    return reader.reply()


def test_pictures_are_marked() -> None:
    reply = read({"event_type": "step.delta", "index": 0, "delta": {"type": "image", "data": "aGk="}})
    assert reply.inspection is Inspection.PARTIAL and reply.reason == "image"


def test_usage_may_come_with_the_status() -> None:
    usage = {"total_input_tokens": 5, "total_output_tokens": 2, "total_thought_tokens": 1}
    reply = read(
        {"event_type": "interaction.status_update", "interaction_id": "v1", "status": "failed", "usage": usage}
    )
    assert reply.usage and (reply.usage.input_tokens, reply.usage.output_tokens) == (5, 3)
    assert reply.complete and reply.finish_reason == "error" and reply.response_id == "v1"


def test_results_of_tools_are_texts() -> None:
    delta = {"type": "function_result", "call_id": "c", "result": "3 m"}
    assert read({"event_type": "step.delta", "index": 1, "delta": delta}).text == "3 m"


def test_the_abort_event_is_what_clients_take_for_an_error() -> None:
    name, data = DIALECT.abort_event("No.", "r-1").strip().split(b"\n")
    assert name == b"event: error" and json.loads(data[6:])["error"]["message"] == "No. (weir rule: r-1)"


def client(body: bytes, status: int, kind: str) -> genai.Client:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body, headers={"content-type": kind}))
    return genai.Client(api_key="none", http_options=types.HttpOptions(httpx_client=httpx.Client(transport=transport)))


def test_the_sdk_reads_a_stream_with_values_put_back() -> None:
    golden = Path(__file__).parents[3] / "golden" / "providers" / "gemini_interaction_stream.json"
    made = json.loads(golden.read_text())["restored"].encode()
    events = client(made, 200, "text/event-stream").interactions.create(model="m", input="Hi", stream=True)
    deltas = [event.delta for event in events if event.event_type == "step.delta"]
    assert "".join(d.text for d in deltas if d.type == "text") == 'Yes ann "x" o\'k@corp.example, <EM'
    arguments = "".join(d.arguments or "" for d in deltas if d.type == "arguments_delta")
    assert json.loads(arguments) == {"who": 'ann "x" o\'k@corp.example'}


def test_the_sdk_raises_its_usual_error() -> None:
    with pytest.raises(Exception, match=r"No\. \(weir rule: r-1\)") as caught:
        client(DIALECT.refusal(403, "No.", "r-1"), 403, "application/json").interactions.create(model="m", input="Hi")
    assert type(caught.value).__name__ == "PermissionDeniedError"
