"""Laws of reading replies: total, independent of chunking, byte-exact where nothing changes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Reply
from weir.providers.formats.others import other_dialects
from weir.providers.formats.web import web_dialects
from weir.providers.services.registry import Registry
from weir.providers.wire.sse import Framer

REGISTRY = Registry.load()
IDS = ["openai_chat", "openai_responses", "openai_embeddings", "anthropic_messages", "gemini_generate"]
IDS += ["bedrock_converse", "bedrock_invoke", "cohere_chat", "cohere_embed", "ollama"]
IDS += [dialect.id for dialect in web_dialects()]
IDS += ["openai_images", "openai_audio_speech", "openai_moderations", "openai_json", "openai_batches"]
IDS += [
    "anthropic_batches",
    "anthropic_complete",
    "anthropic_json",
    "openai_results",
    "anthropic_results",
    "openai_upload",
]
IDS += [dialect.id for dialect in other_dialects() if not dialect.id.endswith("_upload")]
TYPES = ["text/event-stream", "application/json", "", "text/plain", "application/x-ndjson"]
pieces = st.lists(
    st.sampled_from(
        [
            b"data: ",
            b"data:",
            b"event: error\n",
            b"\n",
            b"\r\n",
            b"\r",
            b"\n\n",
            b": c\n",
            b"\xef\xbb\xbf",
            b"[DONE]",
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b'"',
            b"\\",
            b'"choices":[',
            b'{"delta":{"content":"<EMAIL_ADDRESS_1>"}}',
            b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"<EMA"}}',
            b'{"candidates":[{"content":{"parts":[{"text":"<EMAIL_"}]}}]}',
            b'{"type":"response.output_text.delta","output_index":0,"delta":"<E"}',
            b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\":\\"<"}}]}}]}',
            b'{"choices":[{"finish_reason":"stop"}]}',
            b'{"usage":{"prompt_tokens":1e400}}',
            b'{"message":{"content":"<EMAIL_ADDR"},"done":false}\n',
            b'{"type":"content-delta","delta":{"message":{"content":{"text":"<EM"}}}}\n',
            b'{"event_type":"text-generation","text":"ESS_1>"}\n',
            b'{"response":{"candidates":[{"content":{"parts":[{"text":"ADDRESS_1>"}]}}]},"traceId":"t"}\n',
            b'{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"IL_ADD"}}',
            b'{"token":{"id":1,"text":"<EMAIL_ADDR","special":false},"generated_text":null}',
            b'{"results":[{"generated_text":"ESS_1> ","input_token_count":3,"stop_reason":"not_finished"}]}',
            b'{"output":{"choices":[{"message":{"content":"<EMA"},"finish_reason":"null"}]},"usage":{"total_tokens":4}}',
            b'{"response":"<EMAIL_","p":"ab"}',
            b'{"custom_id":"a","response":{"status_code":200,"body":{"object":"response","model":"m","usage":{"input_tokens":2}}}}\n',
            b'{"custom_id":"b","result":{"type":"succeeded","message":{"model":"m","content":[{"type":"text","text":"<EMAIL_ADDRESS_1>"}]}}}\n',
            b'{"type":"completion","completion":"<EMAIL_ADD","stop_reason":null}',
            b'{"type":"transcript.text.delta","delta":"RESS_1>"}',
            b'{"type":"image_generation.completed","b64_json":"aGk=","usage":{"input_tokens":1,"output_tokens":2}}',
            b"event: output\n",
            b"event: done\n",
            b"<EMAIL_ADD",
            b"RESS_1>",
            b"\x00",
            b"\xff",
            b"id: 1\n",
        ]
    ),
    max_size=25,
).map(b"".join)
streams = st.one_of(pieces, st.binary(max_size=120))
cuts = st.lists(st.integers(0, 400), max_size=12)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({p for p in places if p < len(data)} | {len(data)})
    return [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def run(dialect_id: str, kind: str, chunks: list[bytes], stream: bool, text: Swap | None) -> tuple[bytes, Reply]:
    exchange = Exchange(Endpoint("", dialect_id, ""), "m", stream)
    reader = REGISTRY.dialect(dialect_id).reader(exchange, kind, text)
    out = b"".join(reader.feed(chunk) for chunk in chunks) + reader.close()
    return out, reader.reply()


@given(st.sampled_from(IDS), st.sampled_from(TYPES), streams, cuts, st.booleans())
@settings(max_examples=200)
def test_listening_changes_nothing(dialect_id: str, kind: str, data: bytes, places: list[int], stream: bool) -> None:
    whole, once = run(dialect_id, kind, [data], stream, None)
    out, reply = run(dialect_id, kind, cut(data, places), stream, None)
    assert whole == out == data
    assert reply == once


@given(st.sampled_from(IDS), st.sampled_from(TYPES), streams, cuts, st.booleans())
@settings(max_examples=200)
def test_mapping_does_not_depend_on_chunks(
    dialect_id: str, kind: str, data: bytes, places: list[int], stream: bool
) -> None:
    words = {WORD: VALUE}
    whole, once = run(dialect_id, kind, [data], stream, Swap(words))
    out, reply = run(dialect_id, kind, cut(data, places), stream, Swap(words))
    bytewise, _ = run(dialect_id, kind, [data[at : at + 1] for at in range(len(data))], stream, Swap(words))
    assert out == whole == bytewise
    assert reply == once


@given(st.sampled_from(IDS), st.sampled_from(TYPES), streams, st.booleans())
@settings(max_examples=150)
def test_a_map_that_changes_nothing_leaves_every_byte(dialect_id: str, kind: str, data: bytes, stream: bool) -> None:
    out, _ = run(dialect_id, kind, [data], stream, Swap({}))
    assert out == data


@given(streams, cuts, st.integers(1, 30))
@settings(max_examples=200)
def test_frames_are_the_stream(data: bytes, places: list[int], limit: int) -> None:
    for size in (limit, 1 << 20):
        framer = Framer(size)
        whole = [*framer.feed(data), *framer.close()]
        assert b"".join(frame.raw for frame in whole) == data
        framer = Framer(size)
        parts = [f for chunk in cut(data, places) for f in framer.feed(chunk)] + framer.close()
        assert b"".join(frame.raw for frame in parts) == data
        assert [(f.event, f.data) for f in parts if f.data is not None] == [
            (f.event, f.data) for f in whole if f.data is not None
        ]
        assert any(f.oversize for f in parts) == any(f.oversize for f in whole)


argument_values = st.recursive(
    st.one_of(st.text(max_size=12), st.integers(), st.none(), st.just(WORD), st.just(f"a {WORD}\n{WORD}é")),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.text(max_size=5), below, max_size=3)),
    max_leaves=8,
)


def restored(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(WORD, VALUE)
    if isinstance(value, list):
        return [restored(item) for item in value]
    if isinstance(value, dict):
        return {key: restored(item) for key, item in value.items()}
    return value


@given(st.dictionaries(st.text(max_size=5), argument_values, max_size=4), cuts, st.booleans(), st.booleans())
@settings(max_examples=150)
def test_arguments_stay_json(value: dict[str, Any], places: list[int], ascii_only: bool, whole: bool) -> None:
    """Whatever the cuts, a tool call's arguments come out as the JSON they were, with the values put back."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    parts = [text] if whole else [c.decode("utf-16-le", "surrogatepass") for c in _cut_text(text, places)]
    frames = b"".join(
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [_call(part)]}}]}).encode() + b"\n\n"
        for part in parts
    )
    out, _ = run("openai_chat", "text/event-stream", [frames + b"data: [DONE]\n\n"], True, Swap({WORD: VALUE}))
    got = ""
    for line in out.splitlines():
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                got += choice["delta"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(got) == restored(value)


def _call(part: str) -> dict[str, Any]:
    return {"index": 0, "function": {"arguments": part}}


def _cut_text(text: str, places: list[int]) -> list[bytes]:
    # By whole characters: a delta is text, never half a character.
    ends = sorted({p for p in places if p < len(text)} | {len(text)})
    return [text[a:b].encode("utf-16-le") for a, b in zip([0, *ends], ends, strict=False)]
