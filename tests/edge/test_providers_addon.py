"""Requests and replies read by their dialect; what can't be read says so."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest

from harness.rig import ADDRESS, Rig, chat, run
from weir.edge.trace import trace_of
from weir.edge.wire.chunk import ChunkData
from weir.model import Inspection, Reply

GEMINI = "generativelanguage.googleapis.com"
REPLY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5-mini-2025",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi there."}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
).encode()


@pytest.mark.parametrize(
    ("host", "path", "dialect", "operation"),
    [
        ("api.openai.com", "/v1/chat/completions", "openai_chat", "chat"),
        ("api.openai.com", "/v1/responses", "openai_responses", "responses"),
        ("api.anthropic.com", "/v1/messages", "anthropic_messages", "messages"),
        (GEMINI, "/v1beta/models/gemini-2.5-pro:generateContent", "gemini_generate", "generate_content"),
        ("api.openai.com", "/v1/nobody/knows", "", ""),
    ],
)  # fmt: skip
def test_the_endpoint_follows_host_and_path(rig: Rig, host: str, path: str, dialect: str, operation: str) -> None:
    trace = rig.play(rig.flow(chat(), host=host, path=path), "requestheaders")
    assert trace.provider is not None and trace.is_ai
    assert trace.endpoint is not None and trace.endpoint.operation == operation
    assert trace.endpoint.dialect == dialect
    assert (trace.dialect is not None) is bool(dialect)


@pytest.mark.parametrize(
    ("host", "path", "provider"),
    [
        ("api.cloudflare.com", "/client/v4/accounts/a/ai/run/@cf/meta/llama-3.1-8b-instruct", "cloudflare-workers-ai"),
        ("api.cloudflare.com", "/client/v4/zones/z/dns_records", ""),
        ("dbc-1.cloud.databricks.com", "/serving-endpoints/chat/completions", "databricks"),
        ("dbc-1.cloud.databricks.com", "/api/2.1/jobs/run-now", ""),
    ],
)
def test_on_hosts_that_serve_other_things_only_paths_count(rig: Rig, host: str, path: str, provider: str) -> None:
    trace = rig.play(rig.flow(chat(), host=host, path=path), "requestheaders", "request", until="shadow")
    assert (trace.provider.id if trace.provider else "") == provider
    assert trace.is_ai is bool(provider) and trace.service.id == provider


def test_the_model_may_stand_in_a_header_or_the_query(rig: Rig) -> None:
    headers = {"AI-Language-Model-ID": "acme/m-1", "ai-language-model-streaming": "true"}
    flow = rig.flow(b"{}", host="ai-gateway.vercel.sh", path="/v4/ai/language-model", headers=headers)
    trace = rig.play(flow, "requestheaders")
    assert trace.endpoint is not None and (trace.endpoint.model, trace.endpoint.stream) == ("acme/m-1", True)
    flow = rig.flow(b"RIFF", host="api.deepgram.com", path="/v1/listen?model=nova-3")
    trace = rig.play(flow, "requestheaders", "request", until="providers")
    assert trace.exchange is not None and trace.exchange.model == "nova-3"


def test_other_hosts_have_no_provider(rig: Rig) -> None:
    trace = rig.play(rig.flow(b"{}", host="shop.example", path="/cart"), "requestheaders", "request")
    assert (trace.provider, trace.is_ai, trace.exchange) == (None, False, None)


def test_a_request_is_read(rig: Rig) -> None:
    trace = rig.play(rig.flow(chat("a question")), "requestheaders", "request", until="providers")
    assert trace.exchange is not None and trace.exchange.model == "gpt-5-mini"
    assert [s.text for s in trace.exchange.segments if s.role == "user"] == ["a question"]
    assert (trace.inspection, trace.reason) == (Inspection.INSPECTED, "")


@pytest.mark.parametrize(
    ("body", "headers", "path"),
    [
        (b"{not json", {}, "/v1/chat/completions"),
        (b"\x00\xff\x00", {"content-encoding": "gzip"}, "/v1/chat/completions"),
        (chat(), {"content-encoding": "zzz"}, "/v1/chat/completions"),
        (chat(), {}, "/v1/nobody/knows"),
    ],
)
def test_what_cannot_be_read_says_so(rig: Rig, body: bytes, headers: dict[str, str], path: str) -> None:
    trace = rig.play(rig.flow(body, headers=headers, path=path), "requestheaders", "request", until="providers")
    assert trace.inspection is Inspection.UNPARSED and trace.reason


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_reply_is_read_and_passes_as_it_came(rig: Rig, encoding: str) -> None:
    flow = rig.flow(chat())
    rig.play(flow, "requestheaders", "request")
    body = gzip.compress(REPLY) if encoding else REPLY
    trace = rig.reply(flow, body, **({"content_encoding": encoding} if encoding else {}))
    assert flow.response is not None and flow.response.raw_content == body
    assert trace.reply is not None and trace.reply.usage is not None
    assert (trace.reply.model, trace.reply.finish_reason, trace.reply.usage.input_tokens) == (
        "gpt-5-mini-2025", "stop", 11,
    )  # fmt: skip


def test_an_edited_reply_loses_length_and_coding(rig: Rig) -> None:
    flow = rig.flow(chat(f"write to {ADDRESS}"))
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.edited and ADDRESS.encode() not in (flow.request.raw_content or b"")
    stand_in = "<EMAIL_ADDRESS_1>"
    assert stand_in.encode() in (flow.request.raw_content or b"")
    answer = REPLY.replace(b"Hi there.", f"To {stand_in}.".encode())
    rig.reply(flow, gzip.compress(answer), content_encoding="gzip", content_length="99")
    assert flow.response is not None
    assert f"To {ADDRESS}." in (flow.response.raw_content or b"").decode()
    assert "content-encoding" not in flow.response.headers
    assert flow.response.headers.get("content-length") != "99"


def test_an_edited_reply_in_an_unknown_coding_is_a_failure(rig: Rig) -> None:
    flow = rig.flow(chat(f"write to {ADDRESS}"))
    rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, b"whatever", content_encoding="zzz")
    assert trace.abort == "providers.responseheaders: PipeBroken"


def test_our_own_answers_and_upgrades_are_not_read(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    rig.reply(flow, REPLY, status=101)
    assert trace.pipe is None


def test_chunks_go_through_the_reader(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    flow = rig.flow(chat(f"write to {ADDRESS}", stream=True))
    rig.play(flow, "requestheaders", "request")
    trace = trace_of(flow)
    assert trace is not None
    rig.reply(flow, b"", content_type="text/event-stream")
    addon = rig.addon("providers")
    trace.pipe = None
    data = ChunkData(flow, b"data: x")
    run(addon.response_chunk(data))
    assert data.abort == "providers.response_chunk: AssertionError"  # a hook out of place fails closed
    trace.abort = ""

    class Pipe:
        editing = decides = True

        def work(self, size: int, *, end: bool) -> int:
            return size

        def feed(self, chunk: bytes) -> list[bytes]:
            return [chunk.upper()]

        def close(self) -> list[bytes]:
            return [b"!"]

        def reply(self) -> Reply:
            return Reply(model="m")

    trace.pipe = Pipe()  # type: ignore[assignment]
    data, end = ChunkData(flow, b"data: x"), ChunkData(flow, b"", end=True)
    for one in (data, end):
        run(addon.response_chunk(one))
    assert (data.out, end.out) == ([b"DATA: X"], [b"!"])
    addon.error(flow)
    assert trace.reply == Reply(model="m")
