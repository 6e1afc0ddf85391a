"""A double of OpenAI's chat completions, legacy completions and embeddings (facts: usage only when asked for)."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Collection, Iterator
from typing import Any

from . import shapes_responses
from .shapes import (
    CREATED,
    Answer,
    Ask,
    bearer,
    dumps,
    echo,
    event,
    ident,
    message,
    pieces,
    text_of,
    tokens,
    tool_arguments,
    tool_called,
    vector,
)
from .shapes_files import openai_files

__all__ = ["answer", "compatible", "error", "prompt_text", "route"]

_DONE = b"data: [DONE]\n\n"
_STREAM = "text/event-stream; charset=utf-8"


def error(status: int, text: str, kind: str = "invalid_request_error", code: str | None = None) -> Answer:
    """An error in OpenAI's shape. ``text`` must not quote what the client sent."""
    return message(status, {"error": {"message": text, "type": kind, "param": None, "code": code}})


def answer(ask: Ask, keys: Collection[str]) -> Answer:
    """What api.openai.com would say: 401 unless the bearer key is one of ``keys``."""
    if bearer(ask) not in keys:
        return error(401, "Incorrect API key provided.", code="invalid_api_key")
    return route(ask)


def compatible(ask: Ask, _: Collection[str]) -> Answer:
    """An OpenAI-compatible server that somebody runs somewhere: any key will do."""
    return route(ask)


def route(ask: Ask) -> Answer:
    """What the API says to whoever may use it."""
    if ask.method == "GET" and ask.path == "/v1/models":
        listed = [{"id": name, "object": "model", "created": CREATED, "owned_by": "double"} for name in ("gpt-5-mini",)]
        return message(200, {"object": "list", "data": listed})
    operations: dict[str, Callable[[Ask, dict[str, Any]], Answer]] = {
        "/v1/chat/completions": _chat,
        "/v1/completions": _completion,
        "/v1/embeddings": _embeddings,
        "/v1/responses": shapes_responses.response,
    }
    if (file := openai_files(ask)) is not None:
        return file
    operation = operations.get(ask.path)
    if operation is None:
        return error(404, f"Invalid URL ({ask.method} {ask.path})")
    if ask.method != "POST":
        return error(405, "Not allowed to do that here.", code="method_not_supported")
    try:
        body = ask.json()
    except ValueError:
        return error(400, "We could not parse the JSON body of your request.")
    if not isinstance(body.get("model"), str):
        return error(400, "you must provide a model parameter")
    return operation(ask, body)


def prompt_text(body: dict[str, Any]) -> str:
    """All text of a chat request that costs input tokens, joined; tool definitions included."""
    texts = [text_of(item.get("content")) for item in body.get("messages", []) if isinstance(item, dict)]
    if body.get("tools"):
        texts.append(dumps(body["tools"]).decode())
    return "\n".join(texts)


def _usage(ask: Ask, prompt: str, said: str) -> dict[str, Any]:
    cached, thought = ask.number("cached", 0), ask.number("reasoning", 0)
    spent_in, spent_out = tokens(prompt) + cached, tokens(said) + thought
    return {
        "prompt_tokens": spent_in,
        "completion_tokens": spent_out,
        "total_tokens": spent_in + spent_out,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": thought,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _spoken(ask: Ask, body: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """(text, tool calls) of the reply: a call of the first tool, unless a tool has just answered."""
    turns = [turn for turn in body.get("messages", []) if isinstance(turn, dict)]
    said = next((text_of(turn.get("content")) for turn in reversed(turns) if turn.get("role") in ("user", "tool")), "")
    tools = [tool for tool in body.get("tools") or [] if isinstance(tool, dict) and tool.get("type") == "function"]
    functions = [tool.get("function", {}) for tool in tools]
    chosen = tool_called(ask, [function.get("name") for function in functions])
    if chosen is None or body.get("tool_choice") == "none" or (turns and turns[-1].get("role") == "tool"):
        return echo(ask, said), []
    function = functions[chosen]
    called = {
        "name": function.get("name", ""),
        "arguments": tool_arguments(ask, function.get("parameters"), echo(ask, said)),
    }
    return "", [{"id": ident("call_", ask), "type": "function", "function": called}]


def _chat(ask: Ask, body: dict[str, Any]) -> Answer:
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        return error(400, "Missing required parameter: 'messages'.", code="missing_required_parameter")
    text, calls = _spoken(ask, body)
    said = text + "".join(call["function"]["arguments"] for call in calls)
    usage = _usage(ask, prompt_text(body), said)
    base = {"id": ident("chatcmpl-", ask), "created": CREATED, "model": body["model"], "service_tier": "default"}
    if body.get("stream"):
        return Answer(200, _STREAM, events=tuple(_chat_events(ask, body, base, text, calls, usage)))
    spoken: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None, "annotations": []}
    if calls:
        spoken["tool_calls"] = calls
    finish = "tool_calls" if calls else "stop"
    choices = [
        {"index": index, "message": spoken, "logprobs": None, "finish_reason": finish} for index in range(_count(body))
    ]
    whole = {**base, "object": "chat.completion", "choices": choices, "usage": usage, "system_fingerprint": "fp_double"}
    return message(200, whole, _headers(ask))


def _count(body: dict[str, Any]) -> int:
    wanted = body.get("n")
    return min(max(wanted, 1), 8) if isinstance(wanted, int) else 1


def _headers(ask: Ask) -> tuple[tuple[str, str], ...]:
    return (("x-request-id", ident("req_", ask)), ("openai-processing-ms", "12"), ("openai-version", "2020-10-01"))


def _deltas(ask: Ask, text: str, calls: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if calls else "", "refusal": None}
    for piece in pieces(ask, text):
        yield {"content": piece}
    for index, call in enumerate(calls):
        opened = {**call, "function": {**call["function"], "arguments": ""}}
        yield {"tool_calls": [{"index": index, **opened}]}
        for piece in pieces(ask, call["function"]["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _chat_events(
    ask: Ask, body: dict[str, Any], base: dict[str, Any], text: str, calls: list[dict[str, Any]], usage: dict[str, Any]
) -> Iterator[bytes]:
    options = body.get("stream_options") or {}
    wanted = bool(options.get("include_usage"))
    obfuscated = options.get("include_obfuscation", True)

    def chunk(choices: list[dict[str, Any]], used: dict[str, Any] | None = None) -> bytes:
        value: dict[str, Any] = {**base, "object": "chat.completion.chunk", "system_fingerprint": "fp_double"}
        value["choices"] = choices
        if wanted:  # without the flag the field is absent, with it null in all chunks but the last
            value["usage"] = used
        if obfuscated:
            value["obfuscation"] = "x" * (len(dumps(value)) % 7)
        return event(value)

    for delta in _deltas(ask, text, calls):
        for index in range(_count(body)):
            yield chunk([{"index": index, "delta": delta, "logprobs": None, "finish_reason": None}])
    finish = "tool_calls" if calls else "stop"
    for index in range(_count(body)):
        yield chunk([{"index": index, "delta": {}, "logprobs": None, "finish_reason": finish}])
    if wanted:
        yield chunk([], usage)
    yield _DONE


def _completion(ask: Ask, body: dict[str, Any]) -> Answer:
    prompt = text_of(body.get("prompt"))
    text = echo(ask, prompt)
    usage = _usage(ask, prompt, text)
    base = {"id": ident("cmpl-", ask), "object": "text_completion", "created": CREATED, "model": body["model"]}
    if not body.get("stream"):
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": "stop"}
        return message(200, {**base, "choices": [choice], "usage": usage}, _headers(ask))
    wanted = bool((body.get("stream_options") or {}).get("include_usage"))
    null = {"usage": None} if wanted else {}
    parts = pieces(ask, text)
    events = [
        event({**base, "choices": [{"text": part, "index": 0, "logprobs": None, "finish_reason": None}], **null})
        for part in parts
    ]
    events.append(
        event({**base, "choices": [{"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}], **null})
    )
    if wanted:
        events.append(event({**base, "choices": [], "usage": usage}))
    return Answer(200, _STREAM, events=(*events, _DONE))


def _embeddings(ask: Ask, body: dict[str, Any]) -> Answer:
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        return error(400, "'input' must be a string or a list", code="invalid_type")
    rows: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        numbers = vector(str(text))
        value: object = numbers
        if body.get("encoding_format") == "base64":  # what the SDK asks for unless told otherwise
            value = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        rows.append({"object": "embedding", "index": index, "embedding": value})
    spent = sum(tokens(str(text)) for text in texts)
    usage = {"prompt_tokens": spent, "total_tokens": spent}
    return message(200, {"object": "list", "data": rows, "model": body["model"], "usage": usage}, _headers(ask))
