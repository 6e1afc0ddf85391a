from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import pytest

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Reply, Usage
from weir.providers.formats.anthropic_messages import AnthropicMessages

DIALECT = AnthropicMessages()
ENDPOINT = Endpoint("anthropic", "anthropic_messages", "messages")
EXCHANGE = Exchange(ENDPOINT, "m", True)


def client(body: bytes, status: int, kind: str = "application/json") -> anthropic.Anthropic:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=body, headers={"content-type": kind}))
    return anthropic.Anthropic(api_key="none", http_client=httpx2.Client(transport=transport), max_retries=0)


def run(*docs: dict[str, Any], text: Swap | None = None) -> tuple[bytes, Reply]:
    reader = DIALECT.reader(EXCHANGE, "text/event-stream", text)
    out = b"".join(reader.feed(f"event: {d['type']}\ndata: {json.dumps(d)}\n\n".encode()) for d in docs)
    return out + reader.close(), reader.reply()


def test_usage_is_overridden_never_added() -> None:
    start = {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 1}
    _, reply = run(
        {"type": "message_start", "message": {"usage": start}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 7, "input_tokens": 11},
        },
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9}},
    )
    assert reply.usage == Usage(
        input_tokens=18, output_tokens=9, cache_read_tokens=5, cache_write_tokens=2, source="reported"
    )
    assert not reply.complete


@pytest.mark.parametrize(
    "source",
    [{"type": "url", "url": "https://h.example/a.pdf"}, {"type": "file", "file_id": "file_1"}],
)
def test_documents_elsewhere(source: dict[str, str]) -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]}
    assert "file" in DIALECT.parse(json.dumps(body).encode(), ENDPOINT).reason


def test_servers_and_their_tokens_are_read() -> None:
    body = {"mcp_servers": [{"type": "url", "url": "https://mcp.example", "authorization_token": "a b c"}]}
    assert "a b c" in [s.text for s in DIALECT.parse(json.dumps(body).encode(), ENDPOINT).segments]


def test_citations_are_restored_whole() -> None:
    citation = {"type": "char_location", "cited_text": f"by {WORD}", "document_title": WORD}
    out, _ = run(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": citation}},
        text=Swap({WORD: VALUE}),
    )
    got = json.loads(out.split(b"data: ")[1])["delta"]["citation"]
    assert (got["cited_text"], got["document_title"]) == (f"by {VALUE}", VALUE)


@pytest.mark.parametrize("status", [400, 403])
def test_the_sdk_raises_its_own_error(status: int) -> None:
    want = {400: anthropic.BadRequestError, 403: anthropic.PermissionDeniedError}[status]
    with pytest.raises(want, match="Leave the key out"):
        client(DIALECT.refusal(status, "Leave the key out.", "no-keys"), status).messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}]
        )


def test_the_sdk_raises_on_an_aborted_stream() -> None:
    body = DIALECT.abort_event("Stopped.", "r")
    with pytest.raises(anthropic.APIError, match="Stopped"):
        list(
            client(body, 200, "text/event-stream").messages.create(
                model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}], stream=True
            )
        )


def test_the_sdk_accumulates_a_restored_stream() -> None:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    start = message | {"stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    tool = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    body, _ = run(
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "To <EMAIL_ADDRESS_1"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "> <EM"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": tool},
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": '{"a":"<EMAIL'},
        },
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": '_ADDRESS_1>"}'},
        },
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
        text=Swap({WORD: VALUE}),
    )
    with client(body, 200, "text/event-stream").messages.stream(
        model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        final = stream.get_final_message()
    assert [block.model_dump().get("text") or block.model_dump().get("input") for block in final.content] == [
        f"To {VALUE} <EM",
        {"a": VALUE},
    ]
