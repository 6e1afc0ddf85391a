"""A double of Ollama's own interface: lines of JSON, streamed unless told not to, counts in the last one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

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

__all__ = ["answer", "error"]

_LINES = "application/x-ndjson"
_AT = "2026-01-02T03:04:05.678901Z"
_TIMES = {"total_duration": 12_000_000, "load_duration": 1_000_000, "eval_duration": 9_000_000}


def error(status: int, text: str) -> Answer:
    """An error in Ollama's shape. ``text`` must not quote what the client sent."""
    return message(status, {"error": text})


def answer(ask: Ask, keys: Collection[str]) -> Answer:
    """What ollama.com would say: 401 unless the bearer key is one of ``keys``."""
    if bearer(ask) not in keys:
        return error(401, "unauthorized")
    if ask.method == "GET" and ask.path == "/api/tags":
        return message(200, {"models": [{"name": "gpt-oss:20b", "model": "gpt-oss:20b", "size": 1}]})
    operations: dict[str, Callable[[Ask, dict[str, Any]], Answer]] = {
        "/api/chat": _chat,
        "/api/generate": _generate,
        "/api/embed": _embed,
    }
    operation = operations.get(ask.path)
    if operation is None or ask.method != "POST":
        return error(404, "not found")
    try:
        body = ask.json()
    except ValueError:
        return error(400, "invalid JSON")
    if not isinstance(body.get("model"), str):
        return error(400, "model is required")
    return operation(ask, body)


def _last(prompt: str, said: str, reason: str) -> dict[str, Any]:
    counts = {"prompt_eval_count": tokens(prompt), "eval_count": tokens(said)}
    return {"done": True, "done_reason": reason, **_TIMES, **counts}


def _reply(body: dict[str, Any], parts: list[dict[str, Any]], whole: dict[str, Any], last: dict[str, Any]) -> Answer:
    base = {"model": body["model"], "created_at": _AT}
    if body.get("stream", True):
        lines = [{**base, **part, "done": False} for part in parts]
        empty = {name: {"role": "assistant", "content": ""} if name == "message" else "" for name in whole}
        lines.append({**base, **empty, **last})
        return Answer(200, _LINES, events=tuple(dumps(line) + b"\n" for line in lines))
    return message(200, {**base, **whole, **last})


def _chat(ask: Ask, body: dict[str, Any]) -> Answer:
    turns = [turn for turn in body.get("messages") or [] if isinstance(turn, dict)]
    said = next((text_of(turn.get("content")) for turn in reversed(turns) if turn.get("role") in ("user", "tool")), "")
    functions = [tool.get("function") or {} for tool in body.get("tools") or []]
    called = tool_called(ask, [function.get("name") for function in functions])
    texts = [text_of(turn.get("content")) for turn in turns]
    if body.get("tools"):
        texts.append(dumps(body["tools"]).decode())
    prompt, text = "\n".join(texts), echo(ask, said)
    if called is None or (turns and turns[-1].get("role") == "tool"):
        parts = [{"message": {"role": "assistant", "content": piece}} for piece in pieces(ask, text)]
        return _reply(body, parts, {"message": {"role": "assistant", "content": text}}, _last(prompt, text, "stop"))
    spelled = tool_arguments(ask, functions[called].get("parameters"), text)
    call = {"function": {"name": functions[called].get("name", ""), "arguments": json.loads(spelled)}}
    spoken = {"message": {"role": "assistant", "content": "", "tool_calls": [call]}}
    return _reply(body, [spoken], spoken, _last(prompt, spelled, "stop"))


def _generate(ask: Ask, body: dict[str, Any]) -> Answer:
    prompt = str(body.get("prompt") or "")
    text = echo(ask, prompt)
    parts = [{"response": piece} for piece in pieces(ask, text)]
    return _reply(body, parts, {"response": text}, _last(prompt, text, "stop"))


def _embed(_: Ask, body: dict[str, Any]) -> Answer:
    given = body.get("input")
    texts = [given] if isinstance(given, str) else [str(text) for text in given or []]
    counts = {"total_duration": 12_000_000, "load_duration": 1_000_000}
    spent = sum(tokens(text) for text in texts)
    vectors = [vector(text) for text in texts]
    return message(200, {"model": body["model"], "embeddings": vectors, **counts, "prompt_eval_count": spent})
