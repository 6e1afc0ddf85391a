"""A double of Anthropic's Messages API: plain, streamed and count_tokens."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
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
)
from .shapes_files import anthropic_files

__all__ = ["answer", "error", "message_events", "whole_message"]


def error(status: int, text: str, kind: str = "invalid_request_error") -> Answer:
    """An error in Anthropic's shape. ``text`` must not quote what the client sent."""
    return message(status, {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_double"})


def answer(ask: Ask, keys: Collection[str]) -> Answer:
    """What api.anthropic.com would say: 401 unless ``x-api-key`` or the bearer token is one of ``keys``."""
    if not {ask.headers.get("x-api-key", ""), bearer(ask)} & set(keys):
        return error(401, "invalid x-api-key", "authentication_error")
    if (file := anthropic_files(ask)) is not None:
        return file
    if ask.method == "POST" and ask.path.startswith(("/api/event_logging/", "/api/eval/")):
        return message(200, {"accepted_count": 1, "rejected_count": 0})  # what Claude Code tells of itself
    if ask.method != "POST" or ask.path not in ("/v1/messages", "/v1/messages/count_tokens"):
        return error(404, "Not found", "not_found_error")
    if not ask.headers.get("anthropic-version"):
        return error(400, "anthropic-version: header is required")
    try:
        body = ask.json()
    except ValueError:
        return error(400, "The request body is not valid JSON.")
    counting = ask.path.endswith("count_tokens")
    needed = ("model", "messages") if counting else ("model", "messages", "max_tokens")
    for name in needed:
        if not body.get(name):
            return error(400, f"{name}: Field required")
    if counting:
        return message(200, {"input_tokens": tokens(_prompt(body))})
    return _message(ask, body)


def _block_text(block: object) -> str:
    if isinstance(block, dict) and block.get("type") == "tool_result":
        return text_of(block.get("content"))
    return text_of([block])


def _turn_text(turn: dict[str, Any]) -> str:
    content = turn.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(filter(None, (_block_text(block) for block in content or [])))


def _prompt(body: dict[str, Any]) -> str:
    texts = [text_of(body.get("system")), *(_turn_text(turn) for turn in body["messages"] if isinstance(turn, dict))]
    if body.get("tools"):
        texts.append(dumps(body["tools"]).decode())
    return "\n".join(texts)


def _blocks(ask: Ask, body: dict[str, Any]) -> list[dict[str, Any]]:
    turns = [turn for turn in body["messages"] if isinstance(turn, dict) and turn.get("role") == "user"]
    last = turns[-1] if turns else {}
    text = echo(ask, _turn_text(last))
    content = last.get("content")
    answered = isinstance(content, list) and any(
        isinstance(block, dict) and block.get("type") == "tool_result" for block in content
    )
    tools = [tool for tool in body.get("tools") or [] if isinstance(tool, dict) and "input_schema" in tool]
    called = tool_called(ask, [tool.get("name") for tool in tools])
    if called is None or answered or (body.get("tool_choice") or {}).get("type") == "none":
        return [{"type": "text", "text": text}]
    tool = tools[called]
    given = json.loads(tool_arguments(ask, tool["input_schema"], text))
    return [{"type": "tool_use", "id": ident("toolu_", ask), "name": tool.get("name", ""), "input": given}]


def whole_message(ask: Ask, body: dict[str, Any]) -> dict[str, Any]:
    """The reply to a Messages request that names its model."""
    blocks = _blocks(ask, body)
    said = "".join(block.get("text") or json.dumps(block.get("input")) for block in blocks)
    usage = {
        "input_tokens": tokens(_prompt(body)),  # cache tokens come on top of these, not within
        "cache_creation_input_tokens": ask.number("cache_write", 0),
        "cache_read_input_tokens": ask.number("cached", 0),
        "output_tokens": tokens(said),
        "service_tier": "standard",
    }
    return {
        "id": ident("msg_", ask),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def _message(ask: Ask, body: dict[str, Any]) -> Answer:
    whole = whole_message(ask, body)
    if body.get("stream"):
        events = tuple(event(value, value["type"]) for value in message_events(ask, whole))
        return Answer(200, "text/event-stream; charset=utf-8", events=events)
    return message(200, whole, (("request-id", ident("req_", ask)),))


def message_events(ask: Ask, whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a stream that says ``whole``."""
    first = {**whole["usage"], "output_tokens": 1}
    opened = {**whole, "content": [], "stop_reason": None, "usage": first}
    yield {"type": "message_start", "message": opened}
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            yield {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(ask, block["text"])]
        else:
            yield {"type": "content_block_start", "index": index, "content_block": {**block, "input": {}}}
            spelled = json.dumps(block["input"], ensure_ascii=False)
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces(ask, spelled))]
        if index == 0:
            yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    last = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    counted = {name: count for name, count in whole["usage"].items() if name != "service_tier"}
    yield {"type": "message_delta", "delta": last, "usage": counted}  # cumulative: it overrides message_start's
    yield {"type": "message_stop"}
