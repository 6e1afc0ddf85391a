"""The doubles that are no provider API."""

from __future__ import annotations

import json

import pytest

from weir.demo.shapes import Ask
from weir.demo.shapes_web import chat_app, json_api, site


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "call Anna"},
        {"messages": [{"role": "user", "content": "call Anna"}]},
        {"messages": [{"content": {"content_type": "text", "parts": ["call Anna"]}}]},
    ],
)
def test_a_chat_app_streams_its_reply(body: dict[str, object]) -> None:
    reply = chat_app(Ask("POST", "/backend-api/conversation", body=json.dumps(body).encode()), ())
    assert reply.events is not None
    said = "".join(json.loads(part.removeprefix(b"data: "))["v"] for part in reply.events[:-1])
    assert said == "You said: call Anna"


def test_a_chat_app_has_a_page_and_refuses_nonsense() -> None:
    assert chat_app(Ask("GET", "/"), ()).content_type.startswith("text/html")
    assert chat_app(Ask("POST", "/", body=b"{"), ()).status == 400


def test_an_ordinary_api_and_a_site() -> None:
    assert json.loads(json_api(Ask("POST", "/orders", body=b"12345"), ()).body)["bytes"] == 5
    assert b"<h1>" in site(Ask("GET", "/"), ()).body
