"""Requests and replies for the usage bench: a prompt of 2 KB, a reply of 200 pieces, as five providers write them."""

from __future__ import annotations

import base64
import itertools
import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

__all__ = ["PIECES", "Case", "cases", "long_stream"]

PIECES = 200
_SAID = (
    "the a of in to river gate water level from upstream measure release flow board hold rain after before high low "
    "we then which keeps under over with without year month record meter second litre design crest pool weir"
)
_WORDS = _SAID.split(" ")


@dataclass(frozen=True)
class Case:
    """One exchange. ``chunks`` come one event each, as from a live stream."""

    name: str
    provider: str
    host: str
    path: str
    model: str
    body: bytes
    content_type: str
    chunks: tuple[bytes, ...]

    @property
    def reply_bytes(self) -> int:
        """How long the reply is."""
        return sum(map(len, self.chunks))


def prose(chars: int, seed: int) -> str:
    """So many characters of words."""
    chance = random.Random(seed)
    made = ""
    while len(made) < chars:
        made += " ".join(chance.choices(_WORDS, k=12)).capitalize() + ". "
    return made[:chars]


def pieces(count: int, seed: int = 7) -> list[str]:
    """Tokens as a model writes them, now and then a line end or a quote."""
    chance = random.Random(seed)
    return [chance.choice((".\n\n", ' "' + chance.choice(_WORDS) + '"', " é")) if n % 25 == 24 else
            " " + chance.choice(_WORDS) for n in range(count)]  # fmt: skip


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _sse(doc: Any, name: str = "") -> bytes:
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + _json(doc) + b"\n\n"


def _noise(seed: int) -> str:
    return "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP0123", k=seed % 12 + 3))


def _chat(texts: list[str]) -> Iterator[bytes]:
    head = {"id": "chatcmpl-C1x2y3z4", "object": "chat.completion.chunk", "created": 1795000000}
    head |= {"model": "gpt-5-mini-2025-08-07", "service_tier": "default", "system_fingerprint": "fp_0123456789"}

    def chunk(delta: Any, finish: str | None, number: int) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _sse({**head, "choices": [choice], "usage": None, "obfuscation": _noise(number)})

    yield chunk({"role": "assistant", "content": "", "refusal": None}, None, 0)
    for number, text in enumerate(texts):
        yield chunk({"content": text}, None, number)
    yield chunk({}, "stop", 1)
    usage = {"prompt_tokens": 431, "completion_tokens": len(texts), "total_tokens": 431 + len(texts)}
    usage["prompt_tokens_details"] = {"cached_tokens": 0, "audio_tokens": 0}
    yield _sse({**head, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _messages(texts: list[str]) -> Iterator[bytes]:
    usage = {"input_tokens": 440, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
    message = {"id": "msg_01AbCd", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929"}
    yield _sse({"type": "message_start", "message": {**message, "content": [], "usage": usage}}, "message_start")
    block = {"type": "text", "text": ""}
    yield _sse({"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start")
    for text in texts:
        delta = {"type": "text_delta", "text": text}
        yield _sse({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
    yield _sse({"type": "content_block_stop", "index": 0}, "content_block_stop")
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}}
    yield _sse({**end, "usage": {"output_tokens": len(texts)}}, "message_delta")
    yield _sse({"type": "message_stop"}, "message_stop")


def _gemini(texts: list[str]) -> Iterator[bytes]:
    for number, text in enumerate(texts):
        candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}}
        if number == len(texts) - 1:
            candidate["finishReason"] = "STOP"
        usage = {"promptTokenCount": 436, "candidatesTokenCount": number + 1, "totalTokenCount": 437 + number}
        usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": 436}]  # type: ignore[assignment]
        doc = {"candidates": [{**candidate, "index": 0}], "usageMetadata": usage}
        doc |= {"modelVersion": "gemini-2.5-flash", "responseId": "aBcDeFgHiJk"}
        yield _sse(doc).replace(b"\n", b"\r\n")


def _responses(texts: list[str]) -> Iterator[bytes]:
    response = {"id": "resp_0123456789abcdef", "object": "response", "status": "in_progress", "output": []}
    response |= {"model": "gpt-5-mini-2025-08-07", "usage": None}
    counter = itertools.count()

    def said(kind: str, **members: Any) -> bytes:
        return _sse({"type": kind, "sequence_number": next(counter), **members}, kind)

    yield said("response.created", response=response)
    item = {
        "id": "msg_0123456789abcdef",
        "type": "message",
        "status": "in_progress",
        "content": [],
        "role": "assistant",
    }
    yield said("response.output_item.added", output_index=0, item=item)
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    yield said("response.content_part.added", **at, part={"type": "output_text", "text": "", "annotations": []})
    for number, text in enumerate(texts):
        yield said("response.output_text.delta", **at, delta=text, logprobs=[], obfuscation=_noise(number))
    yield said("response.output_text.done", **at, text="".join(texts), logprobs=[])
    part = {"type": "output_text", "text": "".join(texts), "annotations": []}
    yield said("response.content_part.done", **at, part=part)
    done = {**item, "status": "completed", "content": [part]}
    yield said("response.output_item.done", output_index=0, item=done)
    usage = {"input_tokens": 431, "output_tokens": len(texts), "total_tokens": 431 + len(texts)}
    yield said("response.completed", response={**response, "status": "completed", "output": [done], "usage": usage})


def _message(kind: str, payload: bytes) -> bytes:
    block = b""
    for name, value in {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}.items():
        block += bytes((len(name),)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
    lengths = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    whole = lengths + struct.pack(">I", crc32(lengths)) + block + payload
    return whole + struct.pack(">I", crc32(whole))


def _converse(texts: list[str]) -> Iterator[bytes]:
    yield _message("messageStart", _json({"p": _noise(3), "role": "assistant"}))
    for number, text in enumerate(texts):
        delta = {"contentBlockIndex": 0, "delta": {"text": text}, "p": _noise(number)}
        yield _message("contentBlockDelta", _json(delta))
    yield _message("contentBlockStop", _json({"contentBlockIndex": 0, "p": _noise(5)}))
    yield _message("messageStop", _json({"p": _noise(7), "stopReason": "end_turn"}))
    usage = {"inputTokens": 440, "outputTokens": len(texts), "totalTokens": 440 + len(texts)}
    yield _message("metadata", _json({"metrics": {"latencyMs": 2000}, "p": _noise(9), "usage": usage}))


def _invoke(texts: list[str]) -> Iterator[bytes]:
    for number, event in enumerate(_messages(texts)):
        inner = event.partition(b"data: ")[2].strip()
        yield _message("chunk", _json({"bytes": base64.b64encode(inner).decode(), "p": _noise(number)}))


def cases(count: int = PIECES, only: str = "") -> list[Case]:
    """The exchanges, or one of them."""
    asked, texts = prose(2000, 1), pieces(count)
    user = [{"role": "user", "content": asked}]
    sse, binary = "text/event-stream", "application/vnd.amazon.eventstream"
    claude = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    aws = "bedrock-runtime.us-east-1.amazonaws.com"
    chat = {"model": "gpt-5-mini", "stream": True, "stream_options": {"include_usage": True}, "messages": user}
    messages = {"model": "claude-sonnet-4-5", "max_tokens": 1024, "stream": True, "messages": user}
    google = {"contents": [{"role": "user", "parts": [{"text": asked}]}], "generationConfig": {"maxOutputTokens": 1024}}
    converse = {"messages": [{"role": "user", "content": [{"text": asked}]}], "inferenceConfig": {"maxTokens": 1024}}
    invoke = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1024, "messages": user}
    stream = "models/gemini-2.5-flash:streamGenerateContent"
    rows: list[tuple[str, str, str, str, str, Any, str, Callable[[list[str]], Iterator[bytes]]]] = [
        ("openai_chat", "openai", "api.openai.com", "/v1/chat/completions", "gpt-5-mini", chat, sse, _chat),
        ("anthropic", "anthropic", "api.anthropic.com", "/v1/messages", "claude-sonnet-4-5", messages, sse, _messages),
        ("gemini", "google-gemini", "generativelanguage.googleapis.com", f"/v1beta/{stream}?alt=sse",
         "gemini-2.5-flash", google, sse, _gemini),
        ("responses", "openai", "api.openai.com", "/v1/responses", "gpt-5-mini",
         {"model": "gpt-5-mini", "stream": True, "input": user}, sse, _responses),
        ("bedrock converse", "aws-bedrock", aws, f"/model/{claude}/converse-stream", claude, converse, binary,
         _converse),
        ("bedrock invoke", "aws-bedrock", aws, f"/model/{claude}/invoke-with-response-stream", claude, invoke, binary,
         _invoke),
    ]  # fmt: skip
    return [Case(*row[:5], _json(row[5]), row[6], tuple(row[7](texts))) for row in rows if only in ("", row[0])]


def long_stream(size: int, binary: bool) -> Case:
    """A reply of ``size`` bytes and a little more, for throughput."""
    name = "bedrock converse" if binary else "openai_chat"
    (few,) = cases(1000, name)
    (many,) = cases(1000 * size // few.reply_bytes + 1, name)
    return many
