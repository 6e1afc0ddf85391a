"""What OpenAI's doubles say over WebSockets: the Responses API, and the realtime interface with texts."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from .shapes import Ask, bearer, echo, ident, pieces, text_of, tokens
from .shapes_responses import response_events
from .wire import Talk

__all__ = ["talk_of"]


def talk_of(ask: Ask, kind: str, keys: Collection[str]) -> Talk | None:
    """The conversation that opens at this path; None where there is none, or for a wrong key."""
    if kind != "openai" or bearer(ask) not in keys:
        return None
    if ask.path == "/v1/responses":
        return _Responses(ask)
    return _Realtime(ask, ask.query.get("model", "")) if ask.path == "/v1/realtime" else None


def _failure(text: str) -> str:
    return json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": text}})


def _read(text: str) -> dict[str, Any]:
    """The message as an object; an empty one for anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class _Responses:
    """Each ``response.create`` is a request of its own."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def opened(self) -> list[str]:
        return []

    def heard(self, text: str) -> list[str]:
        body = _read(text)
        if body.get("type") != "response.create" or not isinstance(body.get("model"), str):
            return [_failure("response.create with a model was expected")]
        ask = replace(self._ask, body=text.encode())  # ids depend on it
        return [json.dumps(value, ensure_ascii=False) for value in response_events(ask, body)]


class _Realtime:
    """Says again what was said last, when asked to."""

    def __init__(self, ask: Ask, model: str) -> None:
        self._ask, self._model, self._said, self._turn = ask, model, "", 0

    def opened(self) -> list[str]:
        session = {"type": "realtime", "object": "realtime.session", "id": ident("sess_", self._ask)}
        return [json.dumps({"type": "session.created", "session": {**session, "model": self._model}})]

    def heard(self, text: str) -> list[str]:
        body = _read(text)
        kind = body.get("type")
        if kind == "session.update":
            return [json.dumps({"type": "session.updated", "session": {**body["session"], "model": self._model}})]
        if kind == "conversation.item.create":
            self._said = text_of(body["item"].get("content"))
            return [json.dumps({"type": "conversation.item.added", "item": body["item"]}, ensure_ascii=False)]
        if kind == "response.create":
            self._turn += 1
            return [json.dumps(value, ensure_ascii=False) for value in self._reply()]
        return [_failure("no such event")]

    def _reply(self) -> Iterator[dict[str, Any]]:
        text = echo(self._ask, self._said)
        number, item = f"resp_{self._turn}", f"item_{self._turn}"
        response: dict[str, Any] = {"object": "realtime.response", "id": number, "status": "in_progress", "output": []}
        place = {"response_id": number, "item_id": item, "output_index": 0, "content_index": 0}
        yield {"type": "response.created", "response": response}
        for piece in pieces(self._ask, text):
            yield {"type": "response.output_text.delta", **place, "delta": piece}
        yield {"type": "response.output_text.done", **place, "text": text}
        spent_in, spent_out = tokens(self._said), tokens(text)
        usage = {
            "total_tokens": spent_in + spent_out,
            "input_tokens": spent_in,
            "output_tokens": spent_out,
            "input_token_details": {"text_tokens": spent_in, "audio_tokens": 0, "cached_tokens": 0},
            "output_token_details": {"text_tokens": spent_out, "audio_tokens": 0},
        }
        content = [{"type": "output_text", "text": text}]
        output = [{"id": item, "type": "message", "role": "assistant", "status": "completed", "content": content}]
        yield {
            "type": "response.done",
            "response": {**response, "status": "completed", "output": output, "usage": usage},
        }
