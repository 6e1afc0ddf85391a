"""Doubles of what is no provider API: a chat web app, an ordinary JSON API, a plain HTML site."""

from __future__ import annotations

from collections.abc import Collection

from .shapes import Answer, Ask, dumps, echo, event, ident, message, pieces, text_of

__all__ = ["chat_app", "json_api", "site"]

_PAGE = b"<!doctype html>\n<html lang=en><title>%s</title><h1>%s</h1>\n<p>Nothing to see here.</p></html>\n"
_HTML = "text/html; charset=utf-8"


def chat_app(ask: Ask, _: Collection[str]) -> Answer:
    """A chat service that employees open in a browser: a page, and a POST that streams the reply as events."""
    if ask.method != "POST":
        return Answer(200, _HTML, body=_PAGE % (b"Chat", b"Ask me anything"))
    try:
        body = ask.json()
    except ValueError:
        return message(400, {"detail": "bad request"})
    turns = body.get("messages")
    last = turns[-1] if isinstance(turns, list) and turns and isinstance(turns[-1], dict) else {}
    content = last.get("content")
    said = text_of(content.get("parts") if isinstance(content, dict) else content) or str(body.get("prompt") or "")
    talk = ident("", ask)
    events = [event({"conversation_id": talk, "v": piece}) for piece in pieces(ask, echo(ask, said))]
    return Answer(200, "text/event-stream; charset=utf-8", events=(*events, b"data: [DONE]\n\n"))


def json_api(ask: Ask, _: Collection[str]) -> Answer:
    """An ordinary API with nothing of AI about it: what was sent comes back as an order."""
    return Answer(200, body=dumps({"id": ident("ord_", ask), "path": ask.path, "bytes": len(ask.body), "state": "ok"}))


def site(_: Ask, __: Collection[str]) -> Answer:
    """A plain web page."""
    return Answer(200, _HTML, body=_PAGE % (b"News", b"The river stands low"))
