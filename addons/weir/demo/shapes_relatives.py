"""Doubles of providers that speak OpenAI's format with extras of their own: Mistral and Groq."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

from . import shapes_openai
from .shapes import Answer, Ask, bearer, dumps, event, ident, message

__all__ = ["groq", "mistral"]

_GROQ = "/openai"
_DONE = b"data: [DONE]\n\n"
Change = Callable[[dict[str, Any]], dict[str, Any]]


def mistral(ask: Ask, keys: Collection[str]) -> Answer:
    """What api.mistral.ai would say: streams report usage unasked, in the chunk that ends the answer."""
    if bearer(ask) not in keys:
        return message(401, {"detail": "Unauthorized"})
    found = shapes_openai.route(_asking(ask))
    if found.events is None:
        return _whole(found, lambda value: {"id": ident("", ask), **_plain(value)})
    return replace(found, events=tuple(_with_usage_at_the_end(_chunks(found))))


def groq(ask: Ask, keys: Collection[str]) -> Answer:
    """What api.groq.com would say: usage unasked under ``x_groq`` in the last chunk of an answer."""
    if bearer(ask) not in keys:
        return shapes_openai.error(401, "Invalid API Key", code="invalid_api_key")
    if not ask.path.startswith(f"{_GROQ}/v1/"):
        return shapes_openai.error(404, "Unknown request URL", code="unknown_url")
    found = shapes_openai.route(_asking(replace(ask, path=ask.path.removeprefix(_GROQ))))
    number = ident("req_", ask)
    if found.events is None:
        return _whole(
            found, lambda value: {**_plain(value), **({"x_groq": {"id": number}} if "usage" in value else {})}
        )
    return replace(found, events=tuple(_groq_events(_chunks(found), number)))


def _asking(ask: Ask) -> Ask:
    """The request as OpenAI would need it to report usage, without its padding."""
    try:
        body = ask.json()
    except ValueError:
        return ask
    if not body.get("stream"):
        return ask
    options = {"include_usage": True, "include_obfuscation": False}
    return replace(ask, body=dumps({**body, "stream_options": options}))


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in ("service_tier", "system_fingerprint")}


def _whole(found: Answer, change: Change) -> Answer:
    value = json.loads(found.body)
    return replace(found, body=dumps(change(value))) if isinstance(value, dict) else found


def _chunks(found: Answer) -> list[dict[str, Any]]:
    return [json.loads(part.removeprefix(b"data: ")) for part in found.parts if part != _DONE]


def _with_usage_at_the_end(chunks: list[dict[str, Any]]) -> Iterator[bytes]:
    *answers, counted = chunks
    for number, chunk in enumerate(answers):
        kept = {name: item for name, item in _plain(chunk).items() if name != "usage"}
        last = number == len(answers) - 1
        yield event({**kept, "usage": counted["usage"]} if last else kept)
    yield _DONE


def _groq_events(chunks: list[dict[str, Any]], number: str) -> Iterator[bytes]:
    *answers, counted = chunks
    for at, chunk in enumerate(answers):
        kept = {name: item for name, item in _plain(chunk).items() if name != "usage"}
        if at == 0:
            kept["x_groq"] = {"id": number}
        if at == len(answers) - 1:
            kept["x_groq"] = {"id": number, "usage": counted["usage"]}
        yield event(kept)
    yield _DONE
