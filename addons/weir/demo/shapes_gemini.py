"""A double of the Gemini API: generateContent, its stream (SSE or one JSON array), countTokens and embedContent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any

from .shapes import (
    Answer,
    Ask,
    dumps,
    echo,
    event,
    ident,
    json_value,
    message,
    pieces,
    text_of,
    tokens,
    tool_arguments,
    tool_called,
    vector,
)
from .shapes_files import gemini_files

__all__ = ["answer", "error"]

_PATH = re.compile(r"/v1(?:beta)?/models/(?P<model>[^/:]+):(?P<operation>[A-Za-z]+)")
_JSON = "application/json; charset=UTF-8"


def error(code: int, text: str, status: str, reason: str = "") -> Answer:
    """An error in Google's shape. ``text`` must not quote what the client sent."""
    value: dict[str, Any] = {"code": code, "message": text, "status": status}
    if reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        value["details"] = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}]
    return message(code, {"error": value})


def answer(ask: Ask, keys: Collection[str]) -> Answer:
    """What generativelanguage.googleapis.com would say; like the real one, a wrong key is a 400 and none a 403."""
    if "upload_id" in ask.query and (file := gemini_files(ask)) is not None:
        return file  # whoever has the address may use it
    key = ask.headers.get("x-goog-api-key") or ask.query.get("key", "")
    if not key:
        return error(403, "Method doesn't allow unregistered callers.", "PERMISSION_DENIED")
    if key not in keys:
        return error(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT", "API_KEY_INVALID")
    if (file := gemini_files(ask)) is not None:
        return file
    found = _PATH.fullmatch(ask.path)
    operations: dict[str, Callable[[Ask, dict[str, Any], str], Answer]] = {
        "generateContent": _generate,
        "streamGenerateContent": _stream,
        "countTokens": _count,
        "embedContent": _embed,
        "batchEmbedContents": _batch_embed,
    }
    operation = operations.get(found["operation"]) if found else None
    if found is None or operation is None or ask.method != "POST":
        return error(404, "Not found.", "NOT_FOUND")
    try:
        body = ask.json()
    except ValueError:
        return error(400, "Invalid JSON payload received.", "INVALID_ARGUMENT")
    return operation(ask, body, found["model"])


def _contents(body: dict[str, Any]) -> list[dict[str, Any]]:
    contents = body.get("contents") or []
    return [turn for turn in contents if isinstance(turn, dict)] if isinstance(contents, list) else []


def _prompt(body: dict[str, Any]) -> str:
    system = body.get("systemInstruction") or {}
    texts = [text_of(turn.get("parts")) for turn in (system, *_contents(body))]
    if body.get("tools"):
        texts.append(dumps(body["tools"]).decode())
    return "\n".join(texts)


def _parts(ask: Ask, body: dict[str, Any]) -> list[dict[str, Any]]:
    turns = [turn for turn in _contents(body) if turn.get("role", "user") == "user"]
    last = turns[-1].get("parts") or [] if turns else []
    replies = [part["functionResponse"] for part in last if isinstance(part, dict) and "functionResponse" in part]
    if replies:
        return [{"text": echo(ask, json.dumps(replies[-1].get("response"), ensure_ascii=False))}]
    text = echo(ask, text_of(last))
    tools = [tool for tool in body.get("tools") or [] if isinstance(tool, dict)]
    functions = [function for tool in tools for function in tool.get("functionDeclarations") or []]
    called = tool_called(ask, [function.get("name") for function in functions])
    if called is None:
        settings = body.get("generationConfig") or {}
        schema = settings.get("responseJsonSchema") or settings.get("responseSchema")
        wants_json = settings.get("responseMimeType") == "application/json" and isinstance(schema, dict)
        return [{"text": json.dumps(json_value(schema, text), ensure_ascii=False) if wants_json else text}]
    function = functions[called]
    schema = function.get("parameters") or function.get("parametersJsonSchema")
    given = json.loads(tool_arguments(ask, schema, text))
    return [{"functionCall": {"name": function.get("name", ""), "args": given}}]


def _usage(ask: Ask, prompt: str, said: str) -> dict[str, Any]:
    cached, thought = ask.number("cached", 0), ask.number("reasoning", 0)
    spent_in, spent_out = tokens(prompt) + cached, tokens(said)
    usage: dict[str, Any] = {
        "promptTokenCount": spent_in,
        "candidatesTokenCount": spent_out,
        "totalTokenCount": spent_in + spent_out + thought,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": spent_in}],
    }
    if cached:
        usage["cachedContentTokenCount"] = cached
    if thought:
        usage["thoughtsTokenCount"] = thought
    return usage


def _reply(ask: Ask, model: str, parts: list[dict[str, Any]], usage: dict[str, Any], *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if last:
        candidate["finishReason"] = "STOP"
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": model,
        "responseId": ident("", ask),
    }


def _said(part: dict[str, Any]) -> str:
    return part["text"] if "text" in part else json.dumps(part["functionCall"]["args"], ensure_ascii=False)


def _generate(ask: Ask, body: dict[str, Any], model: str) -> Answer:
    if not _contents(body):
        return error(400, "* GenerateContentRequest.contents: contents is not specified", "INVALID_ARGUMENT")
    parts = _parts(ask, body)
    usage = _usage(ask, _prompt(body), "".join(_said(part) for part in parts))
    whole = dumps(_reply(ask, model, parts, usage, last=True))
    return Answer(200, _JSON, body=whole, headers=(("server-timing", "gfet4t7; dur=12"),))


def _stream(ask: Ask, body: dict[str, Any], model: str) -> Answer:
    if not _contents(body):
        return error(400, "* GenerateContentRequest.contents: contents is not specified", "INVALID_ARGUMENT")
    whole = _parts(ask, body)
    cut = [{"text": piece} for piece in pieces(ask, whole[0]["text"])] if "text" in whole[0] else whole
    prompt, said, chunks = _prompt(body), "", []
    for number, part in enumerate(cut):
        said += _said(part)
        last = number == len(cut) - 1
        chunks.append(_reply(ask, model, [part], _usage(ask, prompt, said), last=last))  # usage so far, in every chunk
    if ask.query.get("alt") == "sse":
        return Answer(200, "text/event-stream", events=tuple(event(chunk) for chunk in chunks))
    joined = [(b"[" if number == 0 else b",\n") + dumps(chunk) for number, chunk in enumerate(chunks)]
    return Answer(200, _JSON, events=(*joined, b"]"))


def _count(_: Ask, body: dict[str, Any], __: str) -> Answer:
    inner = body.get("generateContentRequest")
    spent = tokens(_prompt(inner if isinstance(inner, dict) else body))
    details = [{"modality": "TEXT", "tokenCount": spent}]
    return message(200, {"totalTokens": spent, "promptTokensDetails": details})


def _values(request: dict[str, Any]) -> dict[str, Any]:
    return {"values": vector(text_of((request.get("content") or {}).get("parts")))}


def _embed(_: Ask, body: dict[str, Any], __: str) -> Answer:
    return message(200, {"embedding": _values(body)})


def _batch_embed(_: Ask, body: dict[str, Any], __: str) -> Answer:
    requests = [request for request in body.get("requests") or [] if isinstance(request, dict)]
    return message(200, {"embeddings": [_values(request) for request in requests]})
