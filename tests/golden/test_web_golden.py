"""MCP, web apps and remote procedure calls: recorded shapes, with what must be read from them and what a client gets.

A file holds a request (``request``: a document, ``body``: a text, ``body_base64``: bytes), its reply, or the
``messages`` of a WebSocket; and what has to come of them: ``exchange``, ``read``, ``settled``, ``restored``.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange
from weir.ports import Dialect
from weir.providers.formats.web_json import WEB_JSON
from weir.providers.replies.frames import read_frame
from weir.providers.replies.frames_gemini import frames_of
from weir.providers.services.content import by_content
from weir.providers.services.registry import Registry
from weir.usage.account import settle
from weir.usage.encodings import load_encodings
from weir.usage.prices import Prices
from weir.usage.tokens import Counter

REGISTRY = Registry.load()
PRICES = Prices.load()
COUNTER = Counter(load_encodings(), {})
AT = datetime(2026, 11, 1, tzinfo=UTC)
FILES = sorted((Path(__file__).parent / "web").glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def body_of(case: dict[str, Any]) -> bytes:
    if "body_base64" in case:
        return base64.b64decode(case["body_base64"])
    return json.dumps(case["request"]).encode() if "request" in case else case.get("body", "").encode()


def reply_of(case: dict[str, Any]) -> bytes:
    return base64.b64decode(case["reply_base64"]) if "reply_base64" in case else case.get("reply", "").encode()


def opened(case: dict[str, Any]) -> tuple[Endpoint, bytes]:
    """The endpoint as a running weir finds it, and the body."""
    body, headers = body_of(case), list(case["headers"].items())
    provider = REGISTRY.by_request(case["host"], case["method"], case["path"])
    endpoint = Endpoint(case["host"], "", "")
    if provider is not None:
        endpoint = provider.endpoint(case["method"], case["path"], case["headers"])
    if endpoint.dialect in ("", WEB_JSON):
        endpoint = by_content(endpoint, case["method"], headers, body)
    return endpoint, body


def parsed(case: dict[str, Any]) -> tuple[Dialect, bytes, Exchange]:
    endpoint, body = opened(case)
    dialect = REGISTRY.dialect(endpoint.dialect).bound(list(case["headers"].items()))
    return dialect, body, dialect.parse(body, endpoint) if body else Exchange(endpoint, "", False)


def through(case: dict[str, Any], size: int, text: Swap | None = None) -> tuple[bytes, Any]:
    dialect, _, exchange = parsed(case)
    reader = dialect.reader(exchange, case["content_type"], text)
    data = reply_of(case)
    out = b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size)) + reader.close()
    assert reader.close() == b""
    return out, reader.reply()


def seen(reply: Any) -> dict[str, Any]:
    read = json.loads(json.dumps(asdict(reply)))
    if not read["arguments"]:
        del read["arguments"]
    return read  # type: ignore[no-any-return]


def told(exchange: Exchange) -> dict[str, Any]:
    return {
        "dialect": exchange.endpoint.dialect,
        "operation": exchange.endpoint.operation,
        "service": exchange.endpoint.service,
        "model": exchange.model,
        "stream": exchange.stream,
        "segments": [[s.pointer, s.role, s.text] for s in exchange.segments],
        "tools": list(exchange.tools),
        "parameters": dict(exchange.parameters),
        "inspection": exchange.inspection.value,
        "reason": exchange.reason,
    }


def settled(exchange: Exchange, reply: Any) -> dict[str, Any]:
    usage, cost = settle(exchange, reply, COUNTER, PRICES, exchange.endpoint.service, AT)
    return {"usage": [usage.source, usage.input_tokens, usage.output_tokens], "nano_usd": cost.nano_usd}


def conversation(case: dict[str, Any], text: Swap | None = None) -> tuple[list[dict[str, Any]], list[str], Any]:
    """Messages of a socket: what those of the client say, and what the client gets."""
    endpoint, _ = opened(case)
    dialect = frames_of(endpoint)
    reader = dialect.frame_reader(Exchange(endpoint, "", True), text)
    said, got = [], []
    for number, (who, message) in enumerate(case["messages"], 1):
        if who == "client":
            exchange = read_frame(dialect, message.encode(), endpoint, number, is_text=True)
            texts = {s.pointer: s.text for s in exchange.segments if not s.pointer.endswith("#key")}
            assert dialect.replace(message.encode(), texts) == message.encode()
            said.append(told(exchange))
        else:
            got += [one.decode() for one in reader.message(message.encode())]
    got += [one.decode() for one in reader.rest()]
    return said, got, reader.reply()


def observe(case: dict[str, Any]) -> dict[str, Any]:
    """What comes of a case: how a new file gets what is then looked over by a person."""
    if "messages" in case:
        said, _, reply = conversation(case)
        return {"said": said, "read": seen(reply), "restored": conversation(case, Swap({WORD: VALUE}))[1]}
    _, _, exchange = parsed(case)
    _, reply = through(case, 1 << 20)
    found = {"exchange": told(exchange), "read": seen(reply), "settled": settled(exchange, reply)}
    if WORD[:7] in case.get("reply", ""):
        found["restored"] = through(case, 1 << 20, Swap({WORD: VALUE}))[0].decode()
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


EXCHANGES = [path for path in FILES if "messages" not in load(path)]
SOCKETS = [path for path in FILES if "messages" in load(path)]


def test_there_are_enough() -> None:
    assert len(FILES) >= 40
    assert sum(path.stem.startswith("mcp_") for path in FILES) >= 15


@pytest.mark.parametrize("path", EXCHANGES, ids=lambda p: p.stem)
def test_request(path: Path) -> None:
    case = load(path)
    dialect, body, exchange = parsed(case)
    assert told(exchange) == case["exchange"]
    editable = {s.pointer: s.text for s in exchange.segments if s.pointer[:1] == "/" and s.pointer[-4:] != "#key"}
    assert dialect.replace(body, editable) == body, "what is set to what it was stays as it is written"
    for pointer in editable:
        made = dialect.replace(body, {pointer: 'x "y" \\ ü & 100%'})
        texts = {s.pointer: s.text for s in dialect.parse(made, exchange.endpoint).segments}
        assert texts[pointer] == 'x "y" \\ ü & 100%'


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("path", EXCHANGES, ids=lambda p: p.stem)
def test_reply_is_read_and_passes_unchanged(path: Path, size: int) -> None:
    case = load(path)
    out, reply = through(case, size)
    assert out == reply_of(case)
    assert seen(reply) == case["read"]
    _, _, exchange = parsed(case)
    assert settled(exchange, reply) == case["settled"]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("path", [p for p in EXCHANGES if "restored" in load(p)], ids=lambda p: p.stem)
def test_placeholders_come_back(path: Path, size: int) -> None:
    case = load(path)
    out, reply = through(case, size, Swap({WORD: VALUE}))
    assert out.decode() == case["restored"]
    assert seen(reply) == case["read"]


@pytest.mark.parametrize("path", SOCKETS, ids=lambda p: p.stem)
def test_socket(path: Path) -> None:
    case = load(path)
    said, got, reply = conversation(case)
    assert said == case["said"]
    assert got == [message for who, message in case["messages"] if who == "server"]
    assert seen(reply) == case["read"]
    assert conversation(case, Swap({WORD: VALUE}))[1] == case["restored"]
