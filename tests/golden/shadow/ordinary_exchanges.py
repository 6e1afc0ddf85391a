"""Exchanges that are no AI traffic, however much some look like it."""

from __future__ import annotations

import json

from golden.shadow.exchanges import ex

USER = {"role": "user", "content": "hi"}
CHAT = {"model": "gpt-4o", "messages": [USER]}
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "Accept": "application/json, text/plain, */*",
    "Origin": "https://app.example.com",
}
STAINLESS = {
    "User-Agent": "Acme/Python 2.4.0",
    "X-Stainless-Lang": "python",
    "X-Stainless-Package-Version": "2.4.0",
    "X-Stainless-OS": "Linux",
    "X-Stainless-Runtime": "CPython",
}
FERN = {"X-Fern-Language": "Python", "X-Fern-SDK-Name": "acme", "X-Fern-SDK-Version": "1.2.0"}
STREAM = {"Content-Type": "text/event-stream"}
UVICORN = {"Server": "uvicorn", "Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def form(**fields: str) -> str:
    """A form's body."""
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    return "".join(parts) + "--b--\r\n"


def rpc(method: str, params: object = None) -> dict[str, object]:
    """A call by JSON-RPC."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}


ORDINARY = [
    # people writing to each other
    ex("team chat posts", "POST /api/chat.postMessage", {"channel": "C1", "text": "hi", "model": "x"}),
    ex("team chat's history", "GET /api/conversations.history?channel=C1", headers=BROWSER, replied=UVICORN,
       reply={"ok": True, "messages": [{"type": "message", "user": "U1", "text": "hi"}], "has_more": False}),
    ex("messenger", "POST /v1/messages", {"messages": [{"to": "+1", "body": "hi"}], "model": "sms"}),
    ex("support desk's chat", "POST /api/chat", {"messages": [{"role": "agent", "content": "hi"}], "model": "queue"}),
    ex("support desk with users", "POST /api/chat", {"messages": [USER], "room": 7}, headers=BROWSER),
    ex("forum's private messages", "POST /api/messages", {"messages": [USER], "thread": 3}, headers=STAINLESS),
    ex("matrix", "PUT /_matrix/client/v3/rooms/r/send/m.room.message/1", {"msgtype": "m.text", "body": "hi"}),
    ex("push messages", "POST /v1/messages:send", {"message": {"token": "t", "notification": {"title": "x"}}}),
    ex("push, like an agent's", "POST /v1/projects/p/messages:send", {"message": {"topic": "news"}}, headers=BROWSER),
    ex("mail", "POST /v3/mail/send", {"personalizations": [{}], "content": [{"type": "text/plain", "value": "x"}]}),
    ex("text messages by a generated library", "POST /v1/messages", {"to": "+1", "body": "hi"}, headers=STAINLESS),
    ex("voice calls", "POST /v1/Calls", {"to": "+1", "voice": "alice", "text": "hello", "input": "speech"}),
    # shops, money, records
    ex("orders", "POST /v1/orders", {"id": 7, "items": [{"sku": "a", "n": 1}]}, replied=UVICORN, reply={"id": 7}),
    ex("payments by a generated library", "POST /v1/payment_orders", {"amount": 5, "stream": True}, headers=STAINLESS),
    ex("payments with an API key", "POST /v1/charges", "amount=5", headers={"Authorization": "Bearer sk_test_1"}),
    ex("payments' list", "GET /v1/charges", headers=STAINLESS, replied={"Request-Id": "req_1"},
       reply={"object": "list", "data": [{"id": "ch_1", "object": "charge"}], "has_more": False}),
    ex("billing's usage", "GET /v1/usage", reply={"usage": {"prompt": 3, "cpu": 7}, "object": "usage"}),
    ex("cars for sale", "POST /v1/predictions", {"model": "golf", "input": [2019, 80000]}, replied=UVICORN,
       reply={"predictions": [12000.5]}),
    ex("phones", "GET /v1/models", reply={"object": "list", "data": [{"id": "x1", "object": "model", "maker": "a"}]}),
    ex("car models", "GET /v1/models", reply={"models": [{"name": "golf", "digest": "x", "details": {"doors": 3}}]}),
    ex("auction's candidates", "GET /v2/jobs/7", headers=FERN, reply={"candidates": [{"name": "Ann"}]}),
    ex("a poll's choices", "POST /v1/responses", {"form": 7, "answers": [1]}, reply={"choices": [{"message": "red"}]}),
    ex("a survey by a generated library", "POST /v1/responses", {"survey": 7, "input": {"a": 1}}, headers=STAINLESS),
    ex("survey's replies", "GET /v1/responses?page=2", reply={"object": "list", "data": [{"id": 1}]}),
    # content and search
    ex("cms entry", "POST /api/content", {"model": "article", "prompt": "Read on", "contents": [{"text": "y"}]}),
    ex("cms with input", "POST /api/entries", {"model": "landing-page", "input": {"title": "x"}}, headers=BROWSER),
    ex("cms with parts", "PUT /api/pages/7", {"content": {"parts": [{"id": "hero", "html": "<p>"}]}, "model": "page"}),
    ex("search", "POST /v1/search", {"query": "shoes", "documents": ["a"], "top_k": 5, "model": "bm25"}),
    ex("search with highlights", "POST /indexes/x/search", {"q": "shoes", "limit": 5}, replied=UVICORN,
       reply={"hits": [{"id": 1}], "query": "shoes", "processingTimeMs": 1}),
    ex("ranking of results", "POST /v1/rank", {"query": "x", "results": [1]}, reply={"results": [{"index": 0}]}),
    ex("wiki", "GET /w/api.php?action=query&prop=embeddings", reply={"query": {"pages": {}}}),
    ex("an article about it", "GET /blog/chat/completions", headers=BROWSER, replied={"Server": "nginx"},
       reply="<html><title>Ollama</title><p>Ollama is running, says POST /v1/chat/completions"),
    ex("the API's own documentation", "GET /docs/v1/chat/completions", headers=BROWSER,
       reply="<html><title>vLLM</title><pre>{\"object\": \"chat.completion\"}"),
    ex("a specification", "GET /openapi.json", replied=UVICORN,
       reply={"openapi": "3.1.0", "paths": {"/v1/chat/completions": {"post": {"example": CHAT}}}}),
    ex("a pasted conversation", "POST /api/pastes", {"title": "x", "text": json.dumps(CHAT)}, headers=BROWSER),
    ex("a notebook saved", "PUT /api/contents/a.ipynb", {"type": "notebook", "content": {"cells": [json.dumps(CHAT)]}}),
    # GraphQL
    ex("graphql", "POST /graphql", {"query": "{ a }", "variables": CHAT}, headers=BROWSER),
    ex("graphql of a prompt", "POST /graphql",
       {"operationName": "Ask", "query": "mutation", "variables": {"prompt": 1}}),
    ex("graphql reply", "POST /graphql", {"query": "{ model { messages } }"},
       reply={"data": {"model": {"messages": [USER]}, "choices": [{"message": {}}]}}),
    ex("graphql stream", "POST /graphql", {"query": "subscription"}, replied=STREAM,
       headers={"Accept": "application/json, text/event-stream"}, reply='event: next\ndata: {"data":{"a":1}}\n\n'),
    # completion of words and addresses
    ex("autocomplete", "GET /completions?q=ca", reply=["cat", "car"]),
    ex("shell completions", "GET /v1/completions?shell=zsh", reply="#compdef _tool tool"),
    ex("address completions", "POST /v1/completions", {"prompt": "12 Main", "country": "GB"}, replied=UVICORN,
       reply={"completions": [{"text": "12 Main Street", "id": 1}]}),
    ex("course completions", "POST /v1/completions", {"user": 7, "model": "course", "input": "done"},
       headers=STAINLESS),
    # models of other kinds
    ex("predict", "POST /predict", {"instances": [[1.0, 2.0]]}, replied=UVICORN, reply={"predictions": [0.7]}),
    ex("predict by version", "POST /v1/models/churn:predict", {"instances": [[1]]}, reply={"predictions": [[0.1]]}),
    ex("weather model", "POST /v1/forecast", {"model": "icon", "inputs": {"lat": 1}, "temperature": 20},
       replied=UVICORN, reply={"model": "icon", "output": [1, 2]}),
    ex("thermostat", "POST /devices/7", {"model": "T-100", "temperature": 21.5, "stream": False}, replied=UVICORN),
    ex("player's stream", "POST /playback", {"model": "TV-1", "stream": "hd", "options": {"volume": 3}, "prompt": ""}),
    ex("maps' vectors", "GET /embeddings?place=7", reply=[[1.5, 2.5], [3.5, 4.5]]),
    ex("embedded widgets", "POST /v1/embeddings", {"widget": 7, "input": "id-1"}, headers=BROWSER,
       reply={"html": "<p>"}),
    ex("a time series", "GET /v1/series", replied=UVICORN, reply=[[0.5 + i / 1e4 for i in range(300)]]),
    ex("pictures resized", "POST /images/edits", {"size": "1024x1024", "src": "a.png"}, reply={"url": "x"}),
    ex("a gallery", "GET /v1/images", reply={"created": 7, "data": [{"url": "https://x", "id": 1}]}),
    ex("speech lessons", "POST /v1/lessons", {"text": "hola", "task": "translate"},
       reply={"text": "x", "segments": []}),
    # remote calls
    ex("chain node", "POST /", rpc("eth_call", [{"to": "0x0"}]), reply={"jsonrpc": "2.0", "id": 1, "result": "0x0"}),
    ex("chain node's batch", "POST /", [rpc("eth_blockNumber"), rpc("net_version")]),
    ex("bitcoin node", "POST /", rpc("getblockchaininfo"), reply={"jsonrpc": "2.0", "result": {"chain": "main"}}),
    ex("language server", "POST /lsp", rpc("initialize", {"processId": 1, "capabilities": {}}),
       reply={"jsonrpc": "2.0", "id": 1, "result": {"capabilities": {"hoverProvider": True}}}),
    ex("language server's ping", "POST /mcp", rpc("ping"), headers=BROWSER),
    ex("debugger", "POST /json", rpc("Runtime.evaluate", {"expression": "1"}), headers=BROWSER),
    ex("task service", "POST /rpc", rpc("GetTask", {"id": "7"}),
       reply={"jsonrpc": "2.0", "id": 1, "result": {"id": 7}}),
    ex("home automation", "POST /rpc", rpc("Switch.Set", {"id": 0, "on": True}), reply={"id": 1, "result": {}}),
    ex("media centre", "POST /jsonrpc", rpc("Player.GetItem", {"playerid": 1})),
    ex("grpc", "POST /acme.orders.v1.Orders/Get", b"\0\0\0\0\x05\x0a\x03abc",
       headers={"Content-Type": "application/grpc"}),
    ex("grpc with predictions", "POST /acme.PredictionService/Predict", b"\0\0\0\0\1x",
       headers={"Content-Type": "application/grpc", "User-Agent": "grpc-python/1.74.0"}),
    ex("connect", "POST /acme.chat.v1.ChatService/Send", b"\0\0\0\0\1x",
       headers={"Content-Type": "application/connect+proto", "Connect-Protocol-Version": "1"}),
    # streams
    ex("news stream", "GET /live", headers={"Accept": "text/event-stream"}, replied=STREAM,
       reply='event: message\ndata: {"type":"message","text":"goal"}\n\ndata: [DONE]\n\n'),
    ex("dashboard's stream", "GET /sse", headers={"Accept": "text/event-stream"},
       replied=STREAM | {"Server": "uvicorn"},
       reply='id: 1\nevent: update\ndata: {"cpu":0.7,"usage":{"memory":4}}\n\n'),
    ex("build's log", "GET /v1/builds/7/stream", replied=STREAM, reply='data: {"content":"step 1","type":"log"}\n\n'),
    ex("prices", "GET /stream", replied=STREAM, reply='data: {"id":"x","delta":0.2,"object":"quote"}\n\n'),
    ex("old long poll", "GET /signalr/poll?transport=longPolling", headers=BROWSER, reply={"C": "d-1", "M": []}),
    ex("JSON lines", "GET /export", replied={"Content-Type": "application/x-ndjson"},
       reply='{"model":"a"}\n{"id":2}\n'),
    # telemetry
    ex("traces with quoted prompts", "POST /v1/traces", {"attr": json.dumps(CHAT)}, replied=UVICORN),
    ex("analytics", "POST /v1/batch", {"batch": [{"event": "prompt", "properties": CHAT}], "stream": True}),
    ex("errors reported", "POST /api/7/envelope/", '{"dsn":"x"}\n{"type":"event"}\n{"message":"chat.completion"}'),
    ex("an application's metrics", "GET /metrics", reply="# HELP http_requests_total n\nhttp_requests_total 7\n"),
    ex("health", "GET /health/readiness", replied=UVICORN, reply={"status": "healthy", "db": "connected"}),
    # files
    ex("model file of another kind", "GET /assets/car.gltf", reply=b"glTF\2\0\0\0"),
    ex("package", "GET /npm/openai/-/openai-5.0.0.tgz", reply=b"\x1f\x8b\x08\0",
       headers={"User-Agent": "npm/11 node/24"}),
    ex("container image", "GET /v2/library/redis/manifests/latest", headers={"User-Agent": "docker/28.0"},
       reply={"schemaVersion": 2, "layers": [{"size": 7}]}),
    ex("resolving a branch", "GET /acme/site/resolve/main/README.md", reply="# Site"),
    ex("upload", "POST /upload", {"file": "x" * 50_000}),
    ex("form", "POST /contact", form(model="A4", image="x", message="hi"), headers=FORM),
    ex("form with a prompt", "POST /images/new", form(model="van", prompt="sell it"), headers=FORM | BROWSER),
    # what was found by trying to be taken for AI
    ex("barcodes", "POST /generate", {"inputs": ["x"], "parameters": {"size": 3}}, headers=STAINLESS, replied=UVICORN),
    ex("a survey's event", "POST /v1/responses", {"type": "response.created"},
       reply={"type": "response.created", "object": "response", "id": "r1", "answers": []}),
    ex("a survey's stream", "GET /events", replied=STREAM,
       reply='event: response.created\ndata: {"type":"response.created","survey":1}\n\n'),
    ex("a game's tokens", "GET /wallet", headers=STAINLESS, reply={"usage": {"prompt_tokens": 1, "total_tokens": 2}}),
    ex("label printer", "POST /api/generate", {"model": "printer", "prompt": "label"}, headers=BROWSER),
    ex("ticket with roles", "POST /api/tickets", headers=BROWSER,
       body={"messages": [USER, {"role": "system", "content": "assigned"}], "model": "support"}),
    ex("machine translation", "POST /v1/translate", {"model": "nmt", "input": ["hello"]}, reply={"translations": []}),
    ex("a list by JSON-RPC", "POST /rpc", rpc("list"), reply={"jsonrpc": "2.0", "result": {"resources": [{}]}}),
    ex("a game of that name", "GET /mcp", headers={"Accept": "text/html"}, reply="<html><title>MCP</title>"),
    ex("vectors kept", "POST /vectors/upsert", {"vectors": [{"id": "1", "values": [0.1] * 200}]}, headers=STAINLESS),
    # names and ports alone
    ex("an agent string alone", "GET /robots.txt", headers={"User-Agent": "OpenAI/Python 1.99.0"}),
    ex("a coding agent fetches a page", "GET /guide", headers={"User-Agent": "claude-cli/2.0.1 (external, cli)"},
       reply="<html><title>Guide</title>", replied={"Server": "nginx"}),
    ex("a coding agent's update", "GET /latest.json",
       headers={"User-Agent": "codex_cli_rs/0.50.0", "Originator": "codex_cli_rs"},
       reply={"version": "0.51.0", "id": 7}),
    ex("a path alone", "POST /v1/chat/completions", {}, reply={"detail": "Not Found"}, replied=UVICORN),
    ex("a host's name alone", "GET /", host="llm.example.com", reply="<html><title>Our model</title>"),
    ex("a port alone", "GET /api/items", port=11434, reply={"items": []}, replied=UVICORN),
    ex("a port and a common path", "POST /api/generate", {"report": 7}, port=1234, reply={"done": True, "model": "x"}),
    ex("maps with Google's key", "GET /v1/places", headers={"X-Goog-Api-Key": "k", "X-Goog-Api-Client": "gl-web/1"}),
    ex("a browser extension", "POST /v1/sync", {"model": "x", "input": "y"},
       headers={"Origin": "chrome-extension://" + "a" * 32}),
    ex("an editor's window", "GET /api/update",
       headers={"User-Agent": "Mozilla/5.0 Cursor/1.7.0 Chrome/138.0 Electron/37"},
       reply={"url": "x", "name": "1.7.1"}),
]  # fmt: skip
