"""Two groups of signs make AI traffic; whatever merely resembles it is left alone."""

import json
import time

import pytest
import yaml

from weir.shadow import signals
from weir.shadow.signals import GROUPS, Sighting, score
from weir.shadow.signs import KINDS

HTTPX = [("User-Agent", "python-httpx/0.28"), ("Content-Type", "application/json"), ("Accept", "*/*")]
STAINLESS = [("X-Stainless-Lang", "python"), ("X-Stainless-OS", "Linux"), ("User-Agent", "Acme/Python 2.0.0")]
USER = {"role": "user", "content": "hi"}


def post(path: str, document: object, headers: object = HTTPX, **more: object) -> Sighting:
    return score("POST", "app.example.com", path, headers, json.dumps(document).encode(), **more)  # type: ignore[arg-type]


AI = {
    "openai by plain http": post("/v1/chat/completions", {"model": "house", "messages": [USER]}),
    "gateway below a prefix": post("/llm/v2/chat/completions", {"model": "house", "messages": [USER]}),
    "openai sdk, unreadable body": score(
        "POST", "h", "/v1/chat/completions", [("user-agent", "OpenAI/Python 2.1.0"), *STAINLESS], b"\x1f\x8b\x00"
    ),
    "responses": post("/v1/responses", {"model": "gpt-4.1", "input": "hi"}),
    "responses of an unknown model": post(
        "/v1/responses", {"model": "house", "input": "hi"}, response_start=b'{"id":"r","object":"response"'
    ),
    "embeddings": post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}),
    "anthropic": post("/v1/messages", {"model": "house", "messages": [USER], "max_tokens": 9}),
    "anthropic headers": post("/proxy", {"messages": [USER]}, [("anthropic-version", "2023-06-01")]),
    "gemini": post("/v1beta/models/gemini-2.5-flash:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}),
    "gemini, escaped": post(
        "/v1beta/models/g%3AstreamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "x"}]}]}
    ),
    "converse": post("/model/eu.x-v1%3A0/converse", {"messages": [USER], "inferenceConfig": {}}),
    "ollama": post("/api/generate", {"model": "llama3.2", "prompt": "x"}),
    "own route, reply tells": post(
        "/ask", {"model": "house", "messages": [USER]}, response_headers=[("openai-processing-ms", "12")]
    ),
    "own route, stream tells": post(
        "/ask", {"messages": [{"role": "system", "content": "x"}, USER]},
        response_start=b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n',
    ),
    "double slashes": post("//v1//chat/completions/", {"model": "house", "messages": [USER]}),
    "headers as a mapping": post(
        "/v1/messages", {"model": "house", "messages": [USER]}, {"Anthropic-Version": "2023-06-01"}
    ),
    "realtime": score(
        "GET", "h", "/v1/realtime?model=house",
        [("Upgrade", "websocket"), ("Sec-WebSocket-Protocol", "realtime, openai-beta.realtime-v1")],
    ),
    "speech": post("/v1/audio/speech", {"model": "tts-1", "input": "x", "voice": "a"}),
    "picture": post("/v1/images/generations", {"model": "house", "prompt": "x", "n": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(AI))
def test_is_ai(name: str) -> None:
    sighting = AI[name]
    assert sighting.is_ai, sighting
    assert len(sighting.groups) >= 2
    assert 50 <= sighting.score <= 100
    assert sighting.kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [("embeddings", "embeddings"), ("gemini", "chat"), ("picture", "image"), ("speech", "audio")],
)
def test_kind(name: str, kind: str) -> None:
    assert AI[name].kind == kind


NOT_AI = {
    "plain json api": post("/v1/orders", {"id": 7, "items": [{"sku": "a", "n": 1}]}),
    "graphql": post("/graphql", {"query": "{ a }", "variables": {"model": "gpt-4o", "messages": [USER]}}),
    "graphql by name": post("/graphql", {"operationName": "Ask", "query": "mutation", "variables": {"prompt": "x"}}),
    "text messages": post("/v1/messages", {"to": "+1", "from": "+2", "body": "hi"}),
    "text messages by a generated sdk": post("/v1/messages", {"to": "+1", "body": "hi"}, [*HTTPX, *STAINLESS]),
    "payments by a generated sdk": post("/v1/payment_orders", {"amount": 5}, [*HTTPX, *STAINLESS]),
    "team chat": post("/api/chat.postMessage", {"channel": "C1", "text": "hi"}),
    "support chat": post("/api/chat", {"messages": [{"role": "agent", "content": "hi"}], "model": "queue"}),
    "chat of people": post("/api/chat", {"messages": [USER], "room": 7}),
    "matrix": score("PUT", "h", "/_matrix/client/v3/rooms/r/send/m.room.message/1", HTTPX, b'{"msgtype":"m.text"}'),
    "cms": post("/api/content", {"model": "article", "prompt": "Read on", "title": "x", "contents": [{"text": "y"}]}),
    "cms with input": post("/api/entries", {"model": "landing-page", "input": {"title": "x"}}),
    "survey": post("/v1/responses", {"form": 7, "answers": [1, 2]}),
    "survey's list": score("GET", "h", "/v1/responses?page=2", HTTPX, None, (), b'{"object":"list","data":[{"id":1}]}'),
    "thermostat": post("/devices/7", {"model": "T-100", "temperature": 21.5, "stream": False}),
    "autocomplete": score("GET", "h", "/completions?q=ca", HTTPX, None, (), b'["cat","car"]'),
    "car shop": post("/v1/predictions", {"model": "golf", "input": [2019, 80000]}),
    "payments reply": score(
        "GET", "h", "/v1/charges", HTTPX, None, [("Request-Id", "req_123"), ("X-RateLimit-Limit-Requests", "9")],
        b'{"object":"list","data":[{"object":"charge"}]}',
    ),
    "event stream of a news site": score(
        "GET", "h", "/live", [("Accept", "text/event-stream")], None, [("Content-Type", "text/event-stream")],
        b'event: message\ndata: {"type":"message","text":"goal"}\n\ndata: [DONE]\n\n',
    ),
    "language server": post("/lsp", {"jsonrpc": "2.0", "method": "initialize", "params": {"capabilities": {}}}),
    "chain node": post("/", {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": []}),
    "maps": score("GET", "h", "/v1/places", [("x-goog-api-key", "k"), ("x-goog-api-client", "gl-web/1")]),
    "a path alone": score("POST", "h", "/v1/chat/completions", HTTPX, b"{}"),
    "an agent string alone": score("GET", "h", "/robots.txt", [("user-agent", "OpenAI/Python 1.0")]),
    "a host's name alone": score("GET", "llm.example.com", "/", HTTPX),
    "an article about it": score(
        "GET", "h", "/blog/chat/completions", HTTPX, None, [("Server", "nginx")],
        b'<p>{"object": "chat.completion"} is what POST /v1/chat/completions returns</p>',
    ),
    "uploads": post("/upload", {"file": "x" * 100_000}),
    "telemetry with quoted prompts": post("/v1/traces", {"attr": json.dumps({"model": "gpt-4o", "messages": [USER]})}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(NOT_AI))
def test_is_not_ai(name: str) -> None:
    sighting = NOT_AI[name]
    assert not sighting.is_ai, sighting
    assert sighting.kind == ""


@pytest.mark.parametrize(
    "sighting",
    [
        post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
        post("/x", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
             [("Accept", "application/json, text/event-stream")]),
        post("/x", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t"}},
             [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "t")]),
    ],
)  # fmt: skip
def test_mcp_of_every_revision(sighting: Sighting) -> None:
    assert sighting.is_ai
    assert sighting.kind == "mcp"


def test_a2a() -> None:
    sighting = post(
        "/message:send", {"message": {}}, [("A2A-Version", "1.0"), ("Content-Type", "application/a2a+json")]
    )
    assert (sighting.is_ai, sighting.kind) == (True, "a2a")


def test_weights() -> None:
    sighting = score(
        "GET", "h", "/org/m/resolve/main/m.gguf", [("User-Agent", "x; hf_hub/0.3; python/3")], None, (), b"GGUF\x03"
    )
    assert (sighting.is_ai, sighting.kind) == (True, "weights")


def test_long_bodies_are_known_by_their_ends() -> None:
    for document in (
        {"messages": [{"role": "user", "content": "word " * 100_000}], "model": "house"},
        {"model": "house", "messages": [{"role": "user", "content": "word " * 100_000}]},
    ):
        assert post("/v1/messages", document).is_ai


def test_signals_are_named_by_group_and_tell_no_content() -> None:
    marker = "never-in-signals"
    headers = [("Authorization", f"Bearer sk-ant-{marker}"), ("anthropic-beta", marker)]
    sighting = post(f"/{marker}/v1/messages", {"model": marker, "messages": [USER]}, headers)
    assert sighting.signals == (
        "request-headers:ai-key-shape",
        "request-headers:anthropic-version",
        "path:messages",
        "request-body:messages-with-model",
    )
    assert marker not in repr(sighting)


def test_one_sign_counts_once_however_often_it_is_sent() -> None:
    many = [(f"X-Stainless-{i}", "x") for i in range(50)]
    assert score("GET", "h", "/", many).score == 20


def test_one_group_alone_is_never_enough() -> None:
    everything = [
        ("user-agent", "OpenAI/Python 1"), ("anthropic-version", "x"), ("openai-beta", "x"), ("mcp-session-id", "x"),
    ]  # fmt: skip
    sighting = score("GET", "h", "/", everything)
    assert (sighting.score, sighting.groups, sighting.is_ai) == (60, ("request-headers",), False)


def test_every_row_of_the_table_is_well_formed() -> None:
    doc = yaml.safe_load(signals._TABLE.read_text("utf-8"))
    assert set(doc) == {"request_headers", "hosts", "paths", "response_headers"}
    for section, rows in doc.items():
        for row in rows:
            assert set(row) <= {"id", "name", "match", "weight", "kind", "methods", "has"}, row
            assert ("name" in row) == section.endswith("headers"), row
            assert row.get("name", "").islower() or section in ("hosts", "paths"), row
            assert 5 <= row["weight"] <= 50, row
            assert row["kind"] in KINDS, row
            assert ("has" in row) == (section == "paths"), row
            assert all(word.islower() or not any(map(str.isalpha, word)) for word in row.get("has", ())), row


def test_groups_are_the_five() -> None:
    seen = {group for sighting in [*AI.values(), *NOT_AI.values()] for group in sighting.groups}
    assert seen == set(GROUPS)


def test_work_is_bounded() -> None:
    hostile = [b"[" * 10**7, b'{"messages":[{"a' * 10**6, b'{"type":"message",' * 10**6, b'name="model"\n' * 10**6]
    began = time.thread_time()
    for body in hostile:
        score(
            "POST",
            "a." * 10**5,
            "/models/" * 10**5,
            [("content-type", "multipart/form-data"), ("a" * 10**6, "b")],
            body,
        )
        score("POST", "h", "/", [("x-" + "a" * 100, "b" * 10**4)] * 1000, body, (), body)
    assert time.thread_time() - began < 3
