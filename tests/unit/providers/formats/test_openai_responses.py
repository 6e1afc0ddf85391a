from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Inspection, Reply
from weir.providers.formats.openai_responses import OpenAIResponses

DIALECT = OpenAIResponses()
ENDPOINT = Endpoint("openai", "openai_responses", "responses")


def run(*docs: dict[str, Any], text: Swap | None = None) -> tuple[list[dict[str, Any]], Reply]:
    reader = DIALECT.reader(Exchange(ENDPOINT, "m", True), "text/event-stream", text)
    out = b""
    for doc in docs:
        out += reader.feed(f"event: {doc['type']}\ndata: {json.dumps(doc)}\n\n".encode())
    out += reader.close()
    for name, line in zip(out.splitlines()[::3], out.splitlines()[1::3], strict=True):
        assert name == b"event: " + json.loads(line[6:])["type"].encode()
    return [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: ")], reader.reply()


def delta(kind: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": 0, "delta": text} | more


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("output_text", {"content_index": 0, "item_id": "msg_1"}),
        ("refusal", {"content_index": 1}),
        ("reasoning_text", {"content_index": 0}),
        ("reasoning_summary_text", {"summary_index": 2}),
        ("custom_tool_call_input", {}),
        ("code_interpreter_call_code", {}),
        ("some_future_text", {}),
    ],
)
def test_deltas_are_restored(kind: str, more: dict[str, Any]) -> None:
    done = {"type": f"response.{kind}.done", "output_index": 0, "text": f"a {WORD} <E"} | more
    events, reply = run(
        delta(kind, "a <EMAIL", **more), delta(kind, "_ADDRESS_1> <E", **more), done, text=Swap({WORD: VALUE})
    )
    assert [e.get("delta") for e in events] == ["a ", f"{VALUE} ", "<E", None]
    assert events[-1]["text"] == f"a {VALUE} <E"
    assert reply.text == f"a {WORD} <E"


def test_arguments_are_escaped() -> None:
    parts = [delta("function_call_arguments", t, item_id="fc_1") for t in ('{"to":"<EMAIL', '_ADDRESS_1>"}')]
    done = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": f'{{"to":"{WORD}"}}'}
    events, _ = run(*parts, done, text=Swap({WORD: VALUE}))
    assert json.loads("".join(e.get("delta", "") for e in events)) == {"to": VALUE}
    assert json.loads(events[-1]["arguments"]) == {"to": VALUE}


def test_a_tail_looks_like_its_delta() -> None:
    events, _ = run(
        delta("output_text", "<E", item_id="m", content_index=0, logprobs=[{"token": "x"}], obfuscation="zz"),
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "<E"},
        text=Swap({WORD: VALUE}),
    )
    assert events[1] == delta("output_text", "<E", item_id="m", content_index=0, logprobs=[])


def test_a_double_that_only_ends() -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "hi"}]}
    _, reply = run({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [item]}})
    assert (reply.text, reply.complete, reply.response_id) == ("hi", True, "r")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "earlier turns kept by the provider"),
        ({"conversation": "conv_1", "input": "x"}, "earlier turns kept by the provider"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
            "file kept by the provider",
        ),
        ({"input": [1, 2]}, "text given as token ids"),
    ],
)
def test_what_is_not_in_the_body(body: dict[str, Any], reason: str) -> None:
    found = DIALECT.parse(json.dumps(body).encode(), ENDPOINT)
    assert (found.inspection, found.reason) == (Inspection.PARTIAL, reason)


def test_the_sdk_raises_on_an_aborted_stream() -> None:
    body = DIALECT.abort_event("Stopped.", "r")
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, content=body, headers={"content-type": "text/event-stream"})
    )
    sdk = openai.OpenAI(api_key="none", http_client=httpx2.Client(transport=transport), max_retries=0)
    with pytest.raises(openai.APIError, match="Stopped"):
        list(sdk.responses.create(model="m", input="x", stream=True))


def test_tools_that_come_within_the_input_are_tools() -> None:
    space = {"type": "namespace", "name": "functions", "tools": [{"type": "function", "name": "wait"}]}
    late = {"type": "additional_tools", "role": "developer", "tools": [space, {"type": "custom", "name": "patch"}]}
    body = {"model": "m", "tools": [{"type": "function", "name": "first"}], "input": [late, "odd", 7]}
    found = DIALECT.parse(json.dumps(body).encode(), ENDPOINT)
    assert found.tools == ("first", "wait", "patch")
    assert {s.role for s in found.segments if s.pointer.startswith("/input/0/tools")} == {"tool_definition"}
