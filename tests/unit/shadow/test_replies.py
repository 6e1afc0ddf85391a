"""What replies' shapes say."""

import json
import struct

import pytest

from weir.shadow.replies import response_shape


def signs(data: object) -> set[str]:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return {s.id for s in response_shape(raw)}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"message": {"content": "x"}}],
          "usage": {"prompt_tokens": 1, "completion_tokens": 1}}, {"object", "id", "choices", "usage"}),
        ({"object": "response", "usage": {"input_tokens": 1, "output_tokens": 1}}, {"object", "usage"}),
        ({"type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn"}, {"message"}),
        ({"candidates": [{"content": {}}], "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 2}},
         {"candidates", "usage"}),
        ([{"candidates": [{}], "modelVersion": "gemini-2.5-pro"}], {"candidates"}),
        ({"response": {"candidates": [{}], "modelVersion": "x"}}, {"candidates"}),
        ({"object": "list", "data": [{"object": "embedding", "embedding": [0.1]}]}, {"object"}),
        ({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "vllm"}]},
         {"model-list", "server-models"}),
        ([{"generated_text": "x"}], {"generated-text"}),
        ({"output": {"message": {}}, "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1}},
         {"converse", "usage"}),
        ({"model": "llama3.2", "created_at": "t", "done": True, "response": "x"}, {"ollama-reply"}),
        (b'{"model":"m","created_at":"t","done":false}\n{"model":"m","created', {"ollama-reply"}),
        ({"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "x", "serverInfo": {}}}, {"mcp-result"}),
        ({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "t", "inputSchema": {}}]}}, {"mcp-result"}),
        ({"protocolVersion": "1.0", "skills": [], "capabilities": {}, "url": "x"}, {"agent-card"}),
        (b"GGUF\x03\x00", {"gguf"}),
        (struct.pack("<Q", 80) + b'{"w":{"dtype":"F16","shape":[1]}}', {"safetensors"}),
        (b"Ollama is running", {"ollama"}),
        (b"\x00\x00\x00\x8f\x00\x00\x00Vx\x0b:event-type\x07\x00\x11contentBlockDelta", {"event-frames"}),
    ],
)  # fmt: skip
def test_replies_of_models(reply: object, expected: set[str]) -> None:
    assert signs(reply) == expected


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b'data: {"object":"chat.completion.chunk","choices":[{"delta":{}}]}\n\n', {"object", "choices"}),
        (b": OPENROUTER PROCESSING\n\ndata: [DONE]\n\n", {"done-mark"}),
        (b'event: message_start\r\ndata: {"type":"message_start","message":{}}\r\n\r\n', {"event"}),
        (b'event: response.created\ndata: {"type":"response.created","response":{"object":"response"}}\n\n', {"event"}),
        (b'data: {"candidates":[{"content":{"parts":[]}}],"modelVersion":"x"}\n\n', {"candidates"}),
        (b'\xef\xbb\xbfdata: {"object":"chat.completion.chunk","choi', {"object"}),
        (b'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"x","capabilities":{}}}\n\n',
         {"mcp-result"}),
    ],
)  # fmt: skip
def test_streams_of_models(stream: bytes, expected: set[str]) -> None:
    assert signs(stream) == expected


@pytest.mark.parametrize(
    "reply",
    [
        {"object": "list", "data": [{"object": "charge", "id": "ch_1"}]},
        {"id": "msg_1", "type": "message", "role": "member", "text": "x"},
        {"type": "message", "role": "assistant"},
        {"data": {"viewer": {"login": "x"}}},
        {"choices": ["red", "blue"], "question": "colour?"},
        {"choices": [{"id": 1, "label": "red"}]},
        {"candidates": [{"name": "Ann"}]},
        {"usage": {"cpu": 3, "memory": 4}},
        {"done": True, "model": "car"},
        {"jsonrpc": "2.0", "id": 1, "result": "0x0"},
        {"jsonrpc": "2.0", "id": 1, "result": {"capabilities": {"hoverProvider": True}}},
        b'data: {"type":"message","text":"x"}\n\n',
        b"event: ping\ndata: {}\n\n",
        b"<!doctype html><p>chat.completion",
        b'{"note": "\\"object\\": \\"chat.completion\\"',
        b"", b"{", b"[", b"[]", b"null", b"data:", b"data: {", b"\x00" * 64, b"[" * 70_000,
    ],
)  # fmt: skip
def test_replies_of_other_things(reply: object) -> None:
    assert signs(reply) == set()


def test_a_reply_cut_off_is_known_by_its_pieces() -> None:
    assert signs(b'{"id": "chatcmpl-77", "object": "chat.completion", "choices": [{"mess') == {"object", "id"}
    assert signs(b'{"id":"msg_1","type":"message","role":"assistant","content":[{"ty') == {"message"}
    assert signs(b'{"candidates": [{"content": {"parts": [{"te') == {"candidates"}
