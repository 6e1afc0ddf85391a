"""Laws of reading and editing requests: total on any bytes, nothing hidden, edits exact."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.model import Endpoint, Unparsed
from weir.providers.formats.others import other_dialects
from weir.providers.requests.uploads import Upload
from weir.providers.requests.walk import KEY_SUFFIX
from weir.providers.services.registry import Registry
from weir.providers.wire.jsondoc import loads, splice, splice_set

REGISTRY = Registry.load()
IDS = ["openai_chat", "openai_responses", "openai_embeddings", "anthropic_messages", "gemini_generate"]
IDS += ["bedrock_converse", "bedrock_invoke", "cohere_chat", "cohere_embed", "ollama"]
IDS += ["chatgpt_web", "claude_web", "deepseek_web", "grok_web", "perplexity_web", "web_json"]
IDS += ["openai_images", "openai_audio_speech", "openai_moderations", "openai_json", "openai_batches"]
IDS += ["anthropic_batches", "anthropic_complete", "anthropic_json"]
IDS += [dialect.id for dialect in other_dialects() if not dialect.id.endswith("_upload")]
texts = st.text(max_size=40)
names = st.one_of(
    st.sampled_from(
        [
            "messages",
            "role",
            "content",
            "type",
            "text",
            "input",
            "prompt",
            "tools",
            "function",
            "arguments",
            "data",
            "url",
            "image_url",
            "source",
            "id",
            "model",
            "contents",
            "parts",
            "inlineData",
            "stream",
            "stream_options",
            "request",
            "systemInstruction",
            "parameters",
            "instances",
            "version",
        ]
    ),
    st.text(max_size=20),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(names, below, max_size=4)),
    max_leaves=25,
)
documents = st.dictionaries(names, values, max_size=6)


def written(value: Any, spaced: bool, ascii_only: bool) -> bytes:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=2 if spaced else None)
    return text.encode("utf-8", "surrogatepass")


@given(st.sampled_from(IDS), st.one_of(st.binary(max_size=200), texts.map(lambda t: t.encode("utf-8", "replace"))))
def test_any_bytes_parse_or_are_unparsed(dialect_id: str, body: bytes) -> None:
    dialect = REGISTRY.dialect(dialect_id)
    with contextlib.suppress(Unparsed):
        dialect.parse(body, Endpoint("", dialect_id, ""))
    with contextlib.suppress(Unparsed):
        dialect.ask_usage(body)
    with contextlib.suppress(Unparsed):
        dialect.replace(body, {"/a": "b"})


@given(st.sampled_from(IDS), documents, st.booleans(), st.booleans())
@settings(max_examples=150)
def test_extract_then_replace_is_identity(dialect_id: str, doc: dict[str, Any], spaced: bool, ascii_only: bool) -> None:
    body = written(doc, spaced, ascii_only)
    dialect = REGISTRY.dialect(dialect_id)
    exchange = dialect.parse(body, Endpoint("", dialect_id, ""))
    editable = {s.pointer: s.text for s in exchange.segments if not s.pointer.endswith(KEY_SUFFIX)}
    assert dialect.replace(body, editable) == body
    for segment in exchange.segments:
        segment.text.encode()
        segment.pointer.encode()


@given(st.sampled_from(IDS), documents, st.booleans(), texts)
@settings(max_examples=150)
def test_an_edit_changes_its_text_and_nothing_else(
    dialect_id: str, doc: dict[str, Any], spaced: bool, new: str
) -> None:
    body = written(doc, spaced, True)
    dialect = REGISTRY.dialect(dialect_id)
    endpoint = Endpoint("", dialect_id, "")
    before = dialect.parse(body, endpoint)
    editable = [s for s in before.segments if not s.pointer.endswith(KEY_SUFFIX)]
    if not editable:
        return
    chosen = editable[len(new) % len(editable)]
    after = dialect.replace(body, {chosen.pointer: new})
    old_value, new_value = loads(body), loads(after)
    tokens = [t.replace("~1", "/").replace("~0", "~") for t in chosen.pointer[1:].split("/")]
    for tree, text in ((new_value, None), (old_value, None)):
        at: Any = tree
        for token in tokens[:-1]:
            at = at[int(token)] if isinstance(at, list) else at[token]
        last: Any = int(tokens[-1]) if isinstance(at, list) else tokens[-1]
        text = at[last]
        if tree is new_value and text != new:
            assert str(text) == new  # an integer that already reads so stays an integer
        at[last] = None
    assert new_value == old_value
    prefix = len(body) - len(body.lstrip())
    assert after[: prefix + 1] == body[: prefix + 1]


@given(st.sampled_from(IDS), st.text(alphabet="abc xyz.,-@äß漢", min_size=13, max_size=40), documents)
def test_no_text_hides(dialect_id: str, secret: str, doc: dict[str, Any]) -> None:
    """A text with a space in it is handed on from wherever it stands, as a value or as a name."""
    secret = "s " + secret
    dialect = REGISTRY.dialect(dialect_id)
    for body in (
        {**doc, "zz": {"yy": [secret]}},
        {**doc, "messages": [{"role": "user", "content": [{"type": secret}]}]},
        {**doc, "tools": [{"function": {"parameters": {secret: {}}}}]},
        {**doc, "model": secret},
        {**doc, "source": {"type": "base64", "media_type": "image/png", "data": secret}},
        {**doc, "input_audio": {"data": secret, "format": "wav"}},
        {**doc, "signature": secret, "id": secret},
        {**doc, "image_url": {"url": "data:image/png;base64," + secret}},
    ):
        exchange = dialect.parse(json.dumps(body).encode(), Endpoint("", dialect_id, ""))
        assert any(secret in segment.text for segment in exchange.segments)


members = st.one_of(
    names,
    st.sampled_from(
        sorted(
            {"signature", "encrypted_content", "thoughtSignature", "bytes", "file_data", "b64_json", "seed", "created"}
            | {"tool_call_id", "call_id", "tool_use_id", "role", "format", "media_type", "$schema", "ttl", "required"}
            | {"url", "uri", "file_id", "conversation", "service_tier", "voice", "include", "size", "user"}
        )
    ),
)
keys = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(
            ["", "call_", "msg_", "toolu_", "data:;base64,", "http://json-schema.org/", "https://h.example/"]
        ),
        st.sampled_from(["ghp_", "sk-", "AKIA", "github_pat_"]),
        st.text(alphabet="ABCdef0123456789", min_size=16, max_size=90),
    ),
)


@given(st.sampled_from(IDS), members, members, keys, documents)
@settings(max_examples=150)
def test_no_key_hides(dialect_id: str, outer: str, inner: str, key: str, doc: dict[str, Any]) -> None:
    """A key is handed on from any member, as a value, in a list, as a name, whatever stands beside it."""
    dialect = REGISTRY.dialect(dialect_id)
    for body in (
        {**doc, outer: key},
        {**doc, outer: {inner: key}},
        {**doc, outer: {"type": "base64", "media_type": "image/png", inner: [key]}},
        {**doc, outer: [{"type": "redacted_thinking", "filename": "a", inner: key}]},
        {**doc, outer: {inner: {key: 1}}},
    ):
        exchange = dialect.parse(json.dumps(body).encode(), Endpoint("", dialect_id, ""))
        assert any(key in segment.text for segment in exchange.segments)


@given(st.sampled_from(IDS), members, st.integers(10**8, 10**18), st.booleans(), st.sampled_from(["", ".0", "e0"]))
def test_no_long_number_hides(dialect_id: str, name: str, number: int, negative: bool, end: str) -> None:
    body = f'{{"a": {{{json.dumps(name)}: {"-" if negative else ""}{number}{end}}}}}'.encode("utf-8", "surrogatepass")
    exchange = REGISTRY.dialect(dialect_id).parse(body, Endpoint("", dialect_id, ""))
    assert any(str(number) in segment.text for segment in exchange.segments)


@given(documents, names, values)
def test_set_member(doc: dict[str, Any], name: str, value: Any) -> None:
    body = written(doc, True, True)
    after = splice_set(body, name, value)
    assert loads(after) == {**loads(body), name: loads(written(value, False, True))}  # type: ignore[dict-item]
    if name not in doc:
        kept = body.rstrip()[:-1].rstrip()
        assert after.startswith(kept)


@given(st.binary(max_size=100), st.dictionaries(texts, texts, max_size=3))
def test_splice_is_total(body: bytes, edits: dict[str, str]) -> None:
    with contextlib.suppress(Unparsed):
        splice(body, edits)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"b":['])
@pytest.mark.parametrize("times", [129, 5_000, 500_000])
def test_depth_never_escapes(opening: bytes, times: int) -> None:
    with pytest.raises(Unparsed):
        loads(opening * times)
    closing = opening.replace(b'"a":', b"").replace(b'"b":', b"")[::-1].translate(bytes.maketrans(b"[{", b"]}"))
    with pytest.raises(Unparsed):
        loads(opening * times + b"1" + closing * times)


lines = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.builds(
            lambda url, body, more: json.dumps({"custom_id": "c", "url": url, "body": body, **more}).encode(),
            st.sampled_from(["/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/elsewhere", ""]),
            documents,
            st.dictionaries(st.sampled_from(["method", "note", "url"]), texts, max_size=2),
        ),
    ),
    max_size=4,
)


@given(lines, st.booleans())
@settings(max_examples=60)
def test_files_of_requests_are_read_or_unparsed_and_edited_exactly(parts: list[bytes], ends: bool) -> None:
    data = b"\n".join(parts) + (b"\n" if ends else b"")
    head = b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x\r\n'
    body = head + b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + data + b"\r\n--x--\r\n"
    upload = REGISTRY.dialect("openai_upload")
    assert isinstance(upload, Upload)
    one = upload.bound([("content-type", "multipart/form-data; boundary=x")])
    try:
        found = one.parse(body, Endpoint("", "openai_upload", "files"))
    except Unparsed:
        return
    editable = {s.pointer: s.text for s in found.segments if not s.pointer.endswith(KEY_SUFFIX)}
    assert one.replace(body, editable) == body
    for pointer in list(editable)[:3]:
        with contextlib.suppress(Unparsed):
            new = one.replace(body, {pointer: "changed"})
            assert one.parse(new, Endpoint("", "openai_upload", "files")) is not None or pointer == "/purpose/0"
