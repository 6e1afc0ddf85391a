"""Upstreams that say a credential where nobody expects one: what reaches the client of it under acting rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from e2e.support import House, access_key, chat_body

URL = "https://api.openai.com/v1/chat/completions"
RULES = [
    {"id": "struck-out", "if": {"finding": "secret/aws*", "direction": "response"}, "then": "redact"},
    {"id": "no-cards", "if": {"finding": "pii/CREDIT_CARD", "direction": "response"}, "then": "redact"},
]
SSE, JSON = "text/event-stream", "application/json"


@pytest.fixture(scope="module")
def acting_house(start_module_house: Callable[..., House]) -> House:
    return start_module_house(rules=RULES)


@pytest.fixture
def acting(acting_house: House, doubles: object) -> House:
    acting_house.begin()
    return acting_house


def event(text: str = "x", **more: Any) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}], **more})}\n\n"


def arguments(text: str) -> str:
    call = {"index": 0, "id": "c", "function": {"name": "pay", "arguments": text}}
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'tool_calls': [call]}}]})}\n\n"


CASES: dict[str, tuple[str, str]] = {
    "comment": (SSE, f": KEY\n\n{event()}"),
    "name of an event": (SSE, f"event: KEY\n{event('AKI')}"),
    "id of an event": (SSE, f"id: KEY\n{event()}"),
    "unheard member": (SSE, event(citations=["KEY"])),
    "name of a member": (SSE, event(KEY=1)),
    "id and model": (SSE, event("held-1", id="KEY", model="KEY")),
    "JSON as a stream": (SSE, json.dumps({"choices": [{"message": {"content": "KEY"}}]})),
    "JSON as a picture": ("image/png", json.dumps({"choices": [{"message": {"content": "KEY"}}]})),
    "twice": (JSON, '{"choices":[{"message":{"content":"KEY","content":"x"}}]}'),
    "number in arguments": (SSE, arguments('{"card_number": CARD}')),
    "number": (JSON, '{"choices":[],"card_number":CARD}'),
    "outside of strings": (SSE, arguments("{a: KEY}")),
    "tokens": (JSON, '{"choices":[{"message":{"content":"KEY"},"logprobs":{"content":[{"token":"KEY"}]}}]}'),
}


@pytest.mark.parametrize("stream", [True, False], ids=["asked", "unasked"])
@pytest.mark.parametrize("case", CASES)
def test_no_place_is_overlooked(case: str, stream: bool, acting: House) -> None:
    key, card = access_key(), "4539578763621486"
    kind, body = CASES[case]
    body = body.replace("KEY", key).replace("CARD", card)
    acting.doubles.behave(f"body={quote(body)},type={quote(kind)},encoding=identity,split=9")
    headers = {"authorization": f"Bearer {acting.key}", "content-type": JSON}
    with acting.client() as http:
        got = http.post(URL, content=chat_body("Tell me.", stream=stream), headers=headers)
    assert got.status_code == 200 and key not in got.text and card not in got.text
    asked, replied = acting.until(1, "request")[0], acting.until(1, "response")[0]
    # What stands twice is left out without being looked at.
    wanted = "allow" if case == "twice" else "redact"
    assert (replied["verdict"], replied["action"]) == (wanted, wanted)
    assert bool(replied.get("findings")) is (case != "twice")
    assert asked["exchange_id"] == replied["exchange_id"]
