"""WebSocket conversations with models, frame by frame: what is read in each, and what each turn used and cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from golden.swap import VALUE, WORD, Swap
from weir.edge.websockets.socket import Socket
from weir.model import Endpoint, Exchange, Usage
from weir.ports import TextMap
from weir.providers.replies.frames import FrameReader, Turn
from weir.providers.replies.frames_gemini import frames_of
from weir.providers.services.registry import Registry
from weir.usage.prices import Prices

AT = datetime(2026, 11, 1, tzinfo=UTC)
REGISTRY = Registry.load()
FILES = sorted((Path(__file__).parent / "conversations").glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def opened(case: dict[str, Any], text: TextMap | None = None) -> Socket:
    provider = REGISTRY.by_host(case["host"])
    assert provider is not None
    endpoint = provider.endpoint("GET", case["path"])
    dialect = frames_of(endpoint)
    endpoint = Endpoint(endpoint.service, dialect.id, endpoint.operation)
    reader = FrameReader(dialect.events(Exchange(endpoint, "", True)), text)
    return Socket(endpoint, case.get("model", ""), dialect, reader)


def usage_of(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    found = {name: value for name, value in asdict(usage).items() if value}
    return found | ({"parts": dict(usage.parts)} if usage.parts else {})


def turn_of(turn: Turn, socket: Socket, prices: Prices) -> dict[str, Any]:
    cost = prices.cost(socket.endpoint.service, turn.model or socket.model, turn.usage or Usage(), AT)
    return {
        "model": turn.model or socket.model,
        "response_id": turn.response_id,
        "finish_reason": turn.finish_reason,
        "usage": usage_of(turn.usage),
        "cost": cost.nano_usd if turn.usage else 0,
        "tool_calls": [list(call) for call in turn.tool_calls],
        **({"heard": True} if turn.heard else {}),
    }


def frame_of(step: dict[str, Any]) -> tuple[bytes, bool]:
    """A message on the wire: whichever member it hangs from says who sent it."""
    said = step["client"] if "client" in step else step["server"]
    return (said if isinstance(said, str) else json.dumps(said)).encode(), "client" in step


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices.load(warm=True)


def test_there_are_enough() -> None:
    assert len(FILES) >= 8


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_frame_and_every_turn(path: Path, prices: Prices) -> None:
    case = load(path)
    socket = opened(case)
    for step in case["frames"]:
        data, from_client = frame_of(step)
        exchange = socket.read(data, is_text=not step.get("binary"), from_client=from_client)
        if from_client:
            assert [[s.pointer, s.role, s.text] for s in exchange.segments] == step["segments"]
            assert (exchange.inspection.value, exchange.reason) == (step["inspection"], step["reason"])
            assert list(exchange.tools) == step.get("tools", [])
        else:
            assert socket.reply(data) is None
        turns = [turn_of(turn, socket, prices) for turn in socket.reader.take_turns()]
        assert turns == step.get("turns", [])
    reply = socket.reader.reply()
    assert socket.model == case["ends"]["model"]
    assert usage_of(reply.usage) == case["ends"]["usage"]
    assert reply.text == case["ends"]["text"]
    assert list(reply.arguments) == case["ends"].get("arguments", [])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_nothing_changes_that_need_not(path: Path) -> None:
    case = load(path)
    socket = opened(case, Swap({"<NEVER_ISSUED_1>": "x"}))
    for step in case["frames"]:
        data, from_client = frame_of(step)
        exchange = socket.read(data, is_text=not step.get("binary"), from_client=from_client)
        if from_client:
            texts = {s.pointer: s.text for s in exchange.segments if "#" not in s.pointer}
            assert socket.dialect.replace(data, texts) == data
        elif "<" not in data.decode():
            assert socket.reply(data) is None and socket.take_first() == ()


@pytest.mark.parametrize("path", [p for p in FILES if "restored" in load(p)["ends"]], ids=lambda p: p.stem)
def test_placeholders_come_back(path: Path) -> None:
    case = load(path)
    socket, got = opened(case, Swap({WORD: VALUE})), []
    for step in case["frames"]:
        data, from_client = frame_of(step)
        socket.read(data, is_text=not step.get("binary"), from_client=from_client)
        if not from_client:
            new = socket.reply(data)
            got += [*socket.take_first(), data if new is None else new]
    said = [json.loads(message) for message in got]
    assert "".join(m["delta"] for m in said if m["type"].endswith("text.delta")) == case["ends"]["restored"]
