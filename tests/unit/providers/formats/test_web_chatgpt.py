from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Inspection
from weir.providers.formats.web_chatgpt import ChatGPTWeb

ENDPOINT = Endpoint("chatgpt", "chatgpt_web", "chat", stream=True)


def turn(**more: Any) -> dict[str, Any]:
    return {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["hi you"]}, **more}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"messages": [turn()], "conversation_id": None}, ""),
        ({"messages": [turn()], "conversation_id": "c"}, "earlier turns kept by the provider"),
        ({"messages": [turn(metadata={"attachments": [{"id": "f"}]})]}, "file kept by the provider"),
        (
            {"messages": [turn(content={"parts": [{"asset_pointer": "file-service://f"}, "what is it"]})]},
            "file kept by the provider",
        ),
        ({"messages": ["odd", {"content": 1}]}, ""),
    ],
)
def test_what_stands_with_the_provider(body: dict[str, Any], reason: str) -> None:
    exchange = ChatGPTWeb().parse(json.dumps(body).encode(), ENDPOINT)
    assert exchange.reason == reason
    assert exchange.inspection is (Inspection.PARTIAL if reason else Inspection.INSPECTED)
    assert exchange.stream


def test_a_refusal_is_what_the_page_shows() -> None:
    assert json.loads(ChatGPTWeb().refusal(400, "no", "r"))["detail"]["message"] == "no (weir rule: r)"
    assert ChatGPTWeb().abort_event("no", "r").endswith(b"data: [DONE]\n\n")
