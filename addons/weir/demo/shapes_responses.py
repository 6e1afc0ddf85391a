"""A double of OpenAI's Responses API: named events, usage in ``response.completed``, no ``[DONE]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .shapes import (
    CREATED,
    Answer,
    Ask,
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
)

__all__ = ["response", "response_events"]


def response(ask: Ask, body: dict[str, Any]) -> Answer:
    """The reply to ``POST /v1/responses``, whole or streamed."""
    if body.get("stream"):
        events = tuple(event(value, value["type"]) for value in response_events(ask, body))
        return Answer(200, "text/event-stream; charset=utf-8", events=events)
    item = _item(ask, body)
    done = _object(ask, body, "completed", [item], _usage(ask, body, item))
    return message(200, done, (("x-request-id", ident("req_", ask)),))


def response_events(ask: Ask, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a reply, whatever carries them. With ``generate: false`` it says nothing and costs nothing."""
    if body.get("generate") is False:
        nothing = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        begun = _object(ask, body, "in_progress", [], None)
        ended = _object(ask, body, "completed", [], nothing)
        values = [{"type": "response.created", "response": begun}, {"type": "response.completed", "response": ended}]
    else:
        item = _item(ask, body)
        done = _object(ask, body, "completed", [item], _usage(ask, body, item))
        values = list(_events(ask, body, item, done))
    for number, value in enumerate(values):
        yield {**value, "sequence_number": number}


def _turns(body: dict[str, Any]) -> list[dict[str, Any]]:
    given = body.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return [turn for turn in given or [] if isinstance(turn, dict)]


def _said(turn: dict[str, Any]) -> str:
    return text_of(turn.get("output") if turn.get("type") == "function_call_output" else turn.get("content"))


def _functions(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Functions on offer: those of the request, and those that come within its input, each in its namespace."""
    found = [tool for tool in body.get("tools") or [] if isinstance(tool, dict) and tool.get("type") == "function"]
    later = [
        tool for turn in _turns(body) if turn.get("type") == "additional_tools" for tool in turn.get("tools") or []
    ]
    for space in later:
        inner = [tool for tool in space.get("tools") or [] if tool.get("type") == "function"]
        found += [{**tool, "namespace": space.get("name", "")} for tool in inner]
    return found


def _item(ask: Ask, body: dict[str, Any]) -> dict[str, Any]:
    turns = _turns(body)
    heard = [turn for turn in turns if turn.get("role") == "user" or turn.get("type") == "function_call_output"]
    text = echo(ask, _said(heard[-1]) if heard else "")
    tools = _functions(body)
    answered = bool(heard) and heard[-1].get("type") == "function_call_output"
    called = tool_called(ask, [tool.get("name") for tool in tools])
    if called is not None and not answered and body.get("tool_choice") != "none":
        return {
            "id": ident("fc_", ask),
            "type": "function_call",
            "status": "completed",
            "call_id": ident("call_", ask),
            "name": tools[called].get("name", ""),
            "arguments": tool_arguments(ask, tools[called].get("parameters"), text),
            **({"namespace": tools[called]["namespace"]} if "namespace" in tools[called] else {}),
        }
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": ident("msg_", ask), "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def _usage(ask: Ask, body: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    texts = [str(body.get("instructions") or ""), *(_said(turn) for turn in _turns(body))]
    if body.get("tools"):
        texts.append(dumps(body["tools"]).decode())
    cached, thought = ask.number("cached", 0), ask.number("reasoning", 0)
    said = item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"]
    spent_in, spent_out = tokens("\n".join(texts)) + cached, tokens(said) + thought
    return {
        "input_tokens": spent_in,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": spent_out,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": spent_in + spent_out,
    }


def _object(
    ask: Ask, body: dict[str, Any], status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": ident("resp_", ask),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "model": body["model"],
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "store": body.get("store", True),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "metadata": body.get("metadata") or {},
    }


def _events(ask: Ask, body: dict[str, Any], item: dict[str, Any], done: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = _object(ask, body, "in_progress", [], None)
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    if item["type"] == "function_call":
        yield from _call_events(ask, item)
    else:
        yield from _text_events(ask, item)
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": done}


def _call_events(ask: Ask, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    opened = {**item, "status": "in_progress", "arguments": ""}
    yield {"type": "response.output_item.added", "output_index": 0, "item": opened}
    where = {"item_id": item["id"], "output_index": 0}
    for piece in pieces(ask, item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **where, "delta": piece}
    yield {
        "type": "response.function_call_arguments.done",
        **where,
        "name": item["name"],
        "arguments": item["arguments"],
    }


def _text_events(ask: Ask, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    part = item["content"][0]
    yield {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {**item, "status": "in_progress", "content": []},
    }
    where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    yield {"type": "response.content_part.added", **where, "part": {**part, "text": ""}}
    for number, piece in enumerate(pieces(ask, part["text"])):
        padding = "x" * (number % 7)
        yield {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": [], "obfuscation": padding}
    yield {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **where, "part": part}
