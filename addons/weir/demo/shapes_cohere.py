"""A double of Cohere's second API: chat, its stream, embed and rerank. Replies don't name the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any

from .shapes import (
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

__all__ = ["answer", "error"]

_DONE = b"data: [DONE]\n\n"


def error(status: int, text: str) -> Answer:
    """An error in Cohere's shape. ``text`` must not quote what the client sent."""
    return message(status, {"id": "double", "message": text})


def answer(ask: Ask, keys: Collection[str]) -> Answer:
    """What api.cohere.com would say: 401 unless the bearer key is one of ``keys``."""
    if bearer(ask) not in keys:
        return error(401, "invalid api token")
    operations: dict[str, Callable[[Ask, dict[str, Any]], Answer]] = {
        "/v2/chat": _chat,
        "/v2/embed": _embed,
        "/v2/rerank": _rerank,
    }
    operation = operations.get(ask.path)
    if operation is None or ask.method != "POST":
        return error(404, "route not found")
    try:
        body = ask.json()
    except ValueError:
        return error(400, "invalid json")
    if not isinstance(body.get("model"), str):
        return error(400, "invalid request: model is required")
    return operation(ask, body)


def _turns(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [turn for turn in body.get("messages") or [] if isinstance(turn, dict)]


def _spoken(ask: Ask, body: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """(text, tool calls) of the reply."""
    turns = _turns(body)
    said = next((text_of(turn.get("content")) for turn in reversed(turns) if turn.get("role") in ("user", "tool")), "")
    functions = [tool.get("function") or {} for tool in body.get("tools") or []]
    chosen = tool_called(ask, [function.get("name") for function in functions])
    if chosen is None or (turns and turns[-1].get("role") == "tool"):
        return echo(ask, said), []
    function = functions[chosen]
    arguments = tool_arguments(ask, function.get("parameters"), echo(ask, said))
    called = {"name": function.get("name", ""), "arguments": arguments}
    return "", [{"id": ident("call_", ask), "type": "function", "function": called}]


def _usage(ask: Ask, body: dict[str, Any], said: str) -> dict[str, Any]:
    texts = [text_of(turn.get("content")) for turn in _turns(body)]
    if body.get("tools"):
        texts.append(dumps(body["tools"]).decode())
    billed = {"input_tokens": tokens("\n".join(texts)), "output_tokens": tokens(said)}
    # The template around the messages counts among the tokens and is not billed.
    counted = {name: count + 60 for name, count in billed.items()}
    return {"billed_units": billed, "tokens": counted, "cached_tokens": ask.number("cached", 0)}


def _chat(ask: Ask, body: dict[str, Any]) -> Answer:
    text, calls = _spoken(ask, body)
    usage = _usage(ask, body, text + "".join(call["function"]["arguments"] for call in calls))
    finish = "TOOL_CALL" if calls else "COMPLETE"
    if body.get("stream"):
        events = [event(value, value["type"]) for value in _events(ask, text, calls, finish, usage)]
        return Answer(200, "text/event-stream", events=(*events, _DONE))
    spoken: dict[str, Any] = {"role": "assistant"}
    if calls:
        spoken["tool_calls"], spoken["tool_plan"] = calls, "I will use a tool."
    else:
        spoken["content"] = [{"type": "text", "text": text}]
    return message(200, {"id": ident("", ask), "finish_reason": finish, "message": spoken, "usage": usage})


def _events(
    ask: Ask, text: str, calls: list[dict[str, Any]], finish: str, usage: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    opened = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield {"id": ident("", ask), "type": "message-start", "delta": {"message": opened}}
    for index, call in enumerate(calls):
        begun = {**call, "function": {**call["function"], "arguments": ""}}
        yield {"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": begun}}}
        for piece in pieces(ask, call["function"]["arguments"]):
            delta = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            yield {"type": "tool-call-delta", "index": index, "delta": delta}
        yield {"type": "tool-call-end", "index": index}
    if not calls:
        yield {
            "type": "content-start",
            "index": 0,
            "delta": {"message": {"content": {"type": "text", "text": ""}}},
        }
        for piece in pieces(ask, text):
            yield {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}}
        yield {"type": "content-end", "index": 0}
    yield {"type": "message-end", "delta": {"finish_reason": finish, "usage": usage}}


def _embed(ask: Ask, body: dict[str, Any]) -> Answer:
    texts = [str(text) for text in body.get("texts") or []]
    spent = sum(tokens(text) for text in texts)
    whole = {
        "id": ident("", ask),
        "embeddings": {"float": [vector(text) for text in texts]},
        "texts": texts,
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": spent}},
        "response_type": "embeddings_by_type",
    }
    return message(200, whole)


def _rerank(ask: Ask, body: dict[str, Any]) -> Answer:
    documents = [text if isinstance(text, str) else json.dumps(text) for text in body.get("documents") or []]
    scored = sorted(((vector(text)[0], index) for index, text in enumerate(documents)), reverse=True)
    results = [{"index": index, "relevance_score": score} for score, index in scored][: body.get("top_n") or None]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return message(200, {"id": ident("", ask), "results": results, "meta": meta})
