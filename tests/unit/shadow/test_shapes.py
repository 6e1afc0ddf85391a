"""What request bodies' shapes say."""

import json

import pytest

from weir.shadow.shapes import request_shape

USER = {"role": "user", "content": "hi"}


def signs(document: object) -> dict[str, int]:
    return {s.id: s.weight for s in request_shape(json.dumps(document).encode())}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"model": "house", "messages": [USER]}, {"messages-with-model"}),
        (
            {"model": "gpt-4o", "messages": [USER], "max_tokens": 5},
            {"messages-with-model", "known-model", "model-parameters"},
        ),
        ({"messages": [{"role": "system", "content": "x"}, USER]}, {"messages-with-roles"}),
        ({"messages": [USER]}, {"messages-of-users"}),
        ({"contents": [{"parts": [{"text": "x"}]}]}, {"contents-with-parts"}),
        (
            {"model": "gemini-2.5-pro", "project": "p", "request": {"contents": [{"parts": [{"text": "x"}]}]}},
            {"contents-with-parts", "known-model"},
        ),
        ({"model": "text-embedding-3-small", "input": ["a", "b"]}, {"model-and-input", "known-model"}),
        ({"model": "openai/gpt-oss-20b", "prompt": "x"}, {"model-and-prompt", "known-model"}),
        ({"inputs": "x", "parameters": {"max_new_tokens": 5}}, {"inputs-and-parameters", "model-parameters"}),
        ({"inputText": "x", "textGenerationConfig": {}}, {"input-text"}),
        ({"anthropic_version": "bedrock-2023-05-31", "messages": [USER], "max_tokens": 9},
         {"anthropic-version", "messages-of-users", "model-parameters"}),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}], "inferenceConfig": {}},
         {"messages-of-users", "model-parameters"}),
        ({"model": "gpt-5", "input": [{"role": "user", "content": "x"}]}, {"messages-with-model", "known-model"}),
        ({"prompt": "a cat", "negative_prompt": "dog", "num_inference_steps": 9}, {"diffusion"}),
    ],
)  # fmt: skip
def test_shapes_of_model_calls(document: object, expected: set[str]) -> None:
    assert set(signs(document)) == expected


@pytest.mark.parametrize(
    "document",
    [
        {"query": "query Q($m: [M]) { a }", "variables": {"messages": [USER], "model": "gpt-4o"}},
        {"title": "A post", "content": "text", "model": "article", "contents": [{"type": "p", "text": "x"}]},
        {"model": "thermostat-7", "temperature": 21.5, "mode": "auto"},
        {"messages": [{"role": "agent", "content": "x"}], "model": "queue"},
        {"messages": [{"id": 1, "text": "x"}]},
        {"messages": ["a", "b"]},
        {"messages": []},
        {"messages": {"role": "user", "content": "x"}},
        {"note": '{"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}'},
        [{"model": "gpt-4o", "messages": [USER]}],
        {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": []},
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"processId": 1, "capabilities": {}}},
        {"jsonrpc": "1.0", "id": 1, "method": "tools/list"},
        "text", 7, None, [], {}, [[]],
    ],
)  # fmt: skip
def test_shapes_of_other_things(document: object) -> None:
    assert signs(document) == {}


def test_a_long_body_is_known_by_its_ends() -> None:
    filler = "lorem ipsum " * 3000
    body = json.dumps({"messages": [{"role": "user", "content": filler}], "model": "claude-sonnet-4-5"}).encode()
    assert {s.id for s in request_shape(body, cut=True)} == {"messages-with-model", "known-model"}
    gemini = json.dumps({"contents": [{"role": "user", "parts": [{"text": filler}]}]}).encode()
    assert {s.id for s in request_shape(gemini)} == {"contents-with-parts"}


def test_json_quoted_inside_a_long_string_is_no_sign() -> None:
    quoted = json.dumps({"model": "gpt-4o", "messages": [{"role": "system", "content": "x"}]})
    body = json.dumps({"note": quoted + " " * 40_000, "more": quoted}).encode()
    assert request_shape(body) == []


@pytest.mark.parametrize(
    ("model", "field", "expected"),
    [
        ("whisper-1", "file", [("form-with-model", 35, "audio")]),
        ("house", "prompt", [("form-with-model", 15, "image")]),
    ],
)
def test_forms(model: str, field: str, expected: list[tuple[str, int, str]]) -> None:
    body = (
        f'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="{field}"\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n'
    ).encode()
    found = request_shape(body, "multipart/form-data; boundary=b")
    assert [(s.id, s.weight, s.kind) for s in found] == expected


def test_a_form_without_a_model_is_no_sign() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'
    assert request_shape(body, "multipart/form-data; boundary=b") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 70_000, b'{"a":' * 20_000, b"\xff\xfe{}", b"a=b&c=d", b"\x00" * 99])
def test_anything_may_come(body: bytes) -> None:
    assert request_shape(body) == []


LONG = "x" * 20_000
CHAT = json.dumps({"model": "house", "messages": [USER]}).encode()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"messages": [{"content": LONG, "role": "user"}], "model": "house"}, {"messages-with-model"}),
        ({"messages": [{"content": LONG, "role": "user"}]}, {"messages-of-users"}),
        ({"messages": [{"content": LONG, "author": "user"}], "model": "queue"}, set()),
        (
            {"model": "llama3.2", "prompt": LONG, "max_tokens": 5},
            {"model-and-prompt", "known-model", "model-parameters"},
        ),
        ({"input": ["x" * 900] * 20, "model": "bge-m3"}, {"model-and-input", "known-model"}),
        ({"prompt": LONG}, set()),
        ({"note": json.dumps({"messages": [{"content": LONG, "role": "user"}], "model": "gpt-5"})}, set()),
    ],
)
def test_long_bodies_are_known_by_their_pieces(document: object, expected: set[str]) -> None:
    body = json.dumps(document, separators=(",", ":")).encode()
    assert {signal.id for signal in request_shape(body)} == expected


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        (b"\xef\xbb\xbf\r\n " + CHAT, "", "messages-with-model"),
        (CHAT, "multipart/form-data", "messages-with-model"),
        (b"--x\r\nContent-Disposition: form-data; name=model\r\n\r\nwhisper-1\r\n"
         b'--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nRIFF\r\n--x--\r\n',
         "Multipart/Form-Data; boundary=x", "form-with-model"),
    ],
)  # fmt: skip
def test_as_servers_take_it(body: bytes, media_type: str, expected: str) -> None:
    assert expected in {signal.id for signal in request_shape(body, media_type)}


@pytest.mark.parametrize("body", [b"\0", b"\xff\xfe", b"\0\0\xfe\xff\0", b"\xd8\0" * 9, b"PK\3\4\0\0", b"\xef", b" "])
def test_bytes_of_any_kind_are_no_mistake(body: bytes) -> None:
    assert request_shape(body) == []
