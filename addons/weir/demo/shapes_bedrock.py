"""A double of Amazon Bedrock's runtime: Converse and InvokeModel, plain and as AWS's binary event stream."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable, Collection, Iterator
from typing import Any
from zlib import crc32

from . import shapes_anthropic
from .awssign import access_key_of, signed
from .shapes import (
    Answer,
    Ask,
    bearer,
    dumps,
    echo,
    message,
    pieces,
    text_of,
    tokens,
    tool_arguments,
    tool_called,
    vector,
)

__all__ = ["answer", "error", "frame"]

_PATH = re.compile(r"/model/(?P<model>.+)/(?P<operation>converse|converse-stream|invoke|invoke-with-response-stream)")
_STREAM = "application/vnd.amazon.eventstream"
_STRING = 7
_COUNTS = ("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count")


def error(status: int, text: str, name: str = "ValidationException") -> Answer:
    """An error in AWS's shape. ``text`` must not quote what the client sent."""
    return message(status, {"message": text}, (("x-amzn-errortype", name),))


def answer(ask: Ask, keys: Collection[str]) -> Answer:
    """What bedrock-runtime would say: 403 unless a bearer key is one of ``keys``, or one of them signed the request."""
    authorization = ask.headers.get("authorization", "")
    if access_key_of(authorization):
        if not any(signed(ask.method, ask.path, ask.headers, ask.body, key) for key in keys):
            text = "The request signature we calculated does not match the signature you provided."
            return error(403, text, "InvalidSignatureException")
    elif bearer(ask) not in keys:
        return error(403, "Authentication failed: please make sure your API key is valid.", "AccessDeniedException")
    found = _PATH.fullmatch(ask.path)
    if found is None or ask.method != "POST":
        return error(404, "no such operation", "UnknownOperationException")
    try:
        body = ask.json()
    except ValueError:
        return error(400, "The request body is not valid JSON.", "SerializationException")
    operations: dict[str, Callable[[Ask, dict[str, Any], str], Answer]] = {
        "converse": _converse,
        "converse-stream": _converse_stream,
        "invoke": _invoke,
        "invoke-with-response-stream": _invoke_stream,
    }
    return operations[found["operation"]](ask, body, found["model"])


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of an event stream: lengths, their checksum, string headers, payload, checksum of it all."""
    block = b""
    for name, value in headers.items():
        key, text = name.encode(), value.encode()
        block += struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text
    prelude = struct.pack(">II", len(block) + len(payload) + 16, len(block))
    whole = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return whole + struct.pack(">I", crc32(whole))


def _event(name: str, value: dict[str, Any]) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, dumps(value))


def _turn_text(turn: dict[str, Any]) -> str:
    texts = [text_of([block]) for block in turn.get("content") or []]
    results = [block["toolResult"] for block in turn.get("content") or [] if "toolResult" in block]
    return "\n".join(filter(None, (*texts, *(text_of(result.get("content")) for result in results))))


def _blocks(ask: Ask, body: dict[str, Any]) -> list[dict[str, Any]]:
    turns = [turn for turn in body.get("messages") or [] if isinstance(turn, dict) and turn.get("role") == "user"]
    last = turns[-1] if turns else {}
    text = echo(ask, _turn_text(last))
    specs = [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools") or [] if "toolSpec" in tool]
    called = tool_called(ask, [spec.get("name") for spec in specs])
    if called is None or any("toolResult" in block for block in last.get("content") or []):
        return [{"text": text}]
    schema = (specs[called].get("inputSchema") or {}).get("json")
    given = json.loads(tool_arguments(ask, schema, text))
    return [{"toolUse": {"toolUseId": "tooluse_double", "name": specs[called].get("name", ""), "input": given}}]


def _spent(ask: Ask, body: dict[str, Any], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    texts = [text_of(body.get("system")), *(_turn_text(turn) for turn in body.get("messages") or [])]
    if body.get("toolConfig"):
        texts.append(dumps(body["toolConfig"]).decode())
    said = "".join(block.get("text") or json.dumps(block["toolUse"]["input"]) for block in blocks)
    counted, replied, cached = tokens("\n".join(texts)), tokens(said), ask.number("cached", 0)
    spent = {"inputTokens": counted, "outputTokens": replied, "totalTokens": counted + replied + cached}
    return {**spent, "cacheReadInputTokens": cached, "cacheWriteInputTokens": ask.number("cache_write", 0)}


def _converse(ask: Ask, body: dict[str, Any], _: str) -> Answer:
    blocks = _blocks(ask, body)
    whole = {
        "metrics": {"latencyMs": 12},
        "output": {"message": {"content": blocks, "role": "assistant"}},
        "stopReason": "tool_use" if "toolUse" in blocks[-1] else "end_turn",
        "usage": _spent(ask, body, blocks),
    }
    return message(200, whole)


def _converse_stream(ask: Ask, body: dict[str, Any], _: str) -> Answer:
    blocks = _blocks(ask, body)
    return Answer(200, _STREAM, events=tuple(_converse_events(ask, blocks, _spent(ask, body, blocks))))


def _converse_events(ask: Ask, blocks: list[dict[str, Any]], spent: dict[str, Any]) -> Iterator[bytes]:
    yield _event("messageStart", {"role": "assistant"})
    for index, block in enumerate(blocks):
        where = {"contentBlockIndex": index}
        if "toolUse" in block:
            opened = {name: block["toolUse"][name] for name in ("toolUseId", "name")}
            yield _event("contentBlockStart", {**where, "start": {"toolUse": opened}})
            spelled = json.dumps(block["toolUse"]["input"], ensure_ascii=False)
            deltas: list[dict[str, Any]] = [{"toolUse": {"input": piece}} for piece in pieces(ask, spelled)]
        else:
            deltas = [{"text": piece} for piece in pieces(ask, block["text"])]
        for delta in deltas:
            yield _event("contentBlockDelta", {**where, "delta": delta, "p": "abcdefgh"[: len(str(delta)) % 8]})
        yield _event("contentBlockStop", where)
    yield _event("messageStop", {"stopReason": "tool_use" if "toolUse" in blocks[-1] else "end_turn"})
    yield _event("metadata", {"metrics": {"latencyMs": 12}, "usage": spent})


def _native(ask: Ask, body: dict[str, Any], model: str) -> tuple[dict[str, Any], int, int]:
    """(the vendor's own reply, input tokens, output tokens); whose it is shows in the request's members."""
    if "anthropic_version" in body:
        whole = shapes_anthropic.whole_message(ask, {**body, "model": model})
        return whole, whole["usage"]["input_tokens"], whole["usage"]["output_tokens"]
    if "inputText" in body:
        given = str(body["inputText"])
        if "embed" in model:
            return {"embedding": vector(given), "inputTextTokenCount": tokens(given)}, tokens(given), 0
        said = echo(ask, given)
        result = {"tokenCount": tokens(said), "outputText": said, "completionReason": "FINISH"}
        return {"inputTextTokenCount": tokens(given), "results": [result]}, tokens(given), tokens(said)
    given = str(body.get("prompt") or "")
    said = echo(ask, given)
    return {"outputs": [{"text": said, "stop_reason": "stop"}]}, tokens(given), tokens(said)


def _invoke(ask: Ask, body: dict[str, Any], model: str) -> Answer:
    whole, sent, said = _native(ask, body, model)
    counts = [(name, str(count)) for name, count in zip(_COUNTS, (sent, said), strict=True)]
    return message(200, whole, (*counts, ("x-amzn-bedrock-invocation-latency", "12")))


def _invoke_stream(ask: Ask, body: dict[str, Any], model: str) -> Answer:
    whole, sent, said = _native(ask, body, model)
    if "anthropic_version" in body:
        chunks = list(shapes_anthropic.message_events(ask, whole))
    else:
        text = whole["outputs"][0]["text"] if "outputs" in whole else whole["results"][0]["outputText"]
        chunks = [{"outputs": [{"text": piece, "stop_reason": None}]} for piece in pieces(ask, text)]
        chunks.append({"outputs": [{"text": "", "stop_reason": "stop"}]})
    metrics = {"inputTokenCount": sent, "outputTokenCount": said, "invocationLatency": 12, "firstByteLatency": 3}
    chunks[-1] = {**chunks[-1], "amazon-bedrock-invocationMetrics": metrics}
    events = [_event("chunk", {"bytes": base64.b64encode(dumps(chunk)).decode()}) for chunk in chunks]
    return Answer(200, _STREAM, events=tuple(events))
