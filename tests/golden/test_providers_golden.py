"""Requests and replies in the shapes providers use, with what must be read from them and what a client must get."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from golden.eventwire import packed, unpacked
from golden.swap import VALUE, WORD, Swap
from weir.dlp.files import FileLimits, attach
from weir.model import Exchange
from weir.ports import Dialect
from weir.providers.requests.uploads import Upload
from weir.providers.services.registry import Registry
from weir.usage.account import settle
from weir.usage.prices import Prices

AT = datetime(2026, 11, 1, tzinfo=UTC)
REGISTRY = Registry.load()
FILES = sorted((Path(__file__).parent / "providers").glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def parsed(case: dict[str, Any]) -> tuple[Dialect, bytes, Exchange]:
    provider = REGISTRY.by_request(case["host"], case["method"], case["path"])
    assert provider is not None
    endpoint = provider.endpoint(case["method"], case["path"])
    dialect = REGISTRY.dialect(endpoint.dialect)
    body = body_of(case)
    if isinstance(dialect, Upload):
        dialect = dialect.bound([("content-type", case.get("request_type", "application/json"))])
    if not body:  # what is only fetched has none
        return dialect, body, Exchange(endpoint, endpoint.model, endpoint.stream)
    return dialect, body, dialect.parse(body, endpoint)


def body_of(case: dict[str, Any]) -> bytes:
    """The request on the wire: a document, a text as it stands (of a form its lines end in CRLF), or nothing."""
    if "request_text" in case:
        return str(case["request_text"]).replace("\r\n", "\n").replace("\n", "\r\n").encode()
    return json.dumps(case["request"]).encode() if "request" in case else b""


def reply_of(case: dict[str, Any]) -> bytes:
    """The reply on the wire; a binary event stream stands in the file as a list of its events."""
    return packed(case["events"]) if "events" in case else case["reply"].encode()


def said(case: dict[str, Any], data: bytes) -> str:
    """A reply as text, whatever its framing."""
    return json.dumps(unpacked(data)) if "events" in case else data.decode()


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def through(case: dict[str, Any], size: int, text: Swap | None = None, strip: bool = False) -> tuple[bytes, Any]:
    dialect, _, exchange = parsed(case)
    reader = dialect.reader(exchange, case["content_type"], text, strip)
    data = reply_of(case)
    out = b"".join(reader.feed(chunk) for chunk in chunks(data, size)) + reader.close()
    assert reader.close() == b""
    return out, reader.reply()


def seen(reply: Any) -> dict[str, Any]:
    found = asdict(reply)
    found["tool_calls"] = [list(call) for call in reply.tool_calls]
    # In the files these stand only where there is something to say.
    if not reply.usage_of:
        del found["usage_of"]
    if reply.arguments:
        found["arguments"] = list(reply.arguments)
    else:
        del found["arguments"]
    by_model = found.pop("by_model")
    if by_model:
        found["by_model"] = {model: usage_of(used) for model, used in by_model}
    if found["usage"]:
        found["usage"] = usage_of(found["usage"])
    return found


def usage_of(usage: dict[str, Any]) -> dict[str, Any]:
    parts, tier = dict(usage.pop("parts")), usage.pop("tier")
    return usage | ({"parts": parts} if parts else {}) | ({"tier": tier} if tier else {})


def test_there_are_enough() -> None:
    assert len(FILES) >= 160


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_request(path: Path) -> None:
    case = load(path)
    dialect, body, exchange = parsed(case)
    exchange = attach(exchange, FileLimits())
    want = case["exchange"]
    assert exchange.endpoint.dialect == want["dialect"]
    assert exchange.endpoint.operation == want["operation"]
    texts = [[s.pointer, s.role, s.text] for s in exchange.segments if not s.pointer.startswith("#file")]
    assert texts == want["segments"]
    assert exchange.model == want["model"]
    assert exchange.stream == want["stream"]
    assert list(exchange.tools) == want["tools"]
    assert dict(exchange.parameters) == want["parameters"]
    assert (exchange.inspection.value, exchange.reason) == (want["inspection"], want["reason"])
    assert exchange.asks_usage == want["asks_usage"]
    asked = dialect.ask_usage(body) if "request" in case else None
    assert (asked is None) == (
        want["dialect"] != "openai_chat" or not want["stream"] or "stream_options" in case["request"]
    )
    if asked is not None:
        assert dialect.parse(asked, exchange.endpoint).asks_usage


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reply_is_read_and_passes_unchanged(path: Path, size: int) -> None:
    case = load(path)
    out, reply = through(case, size)
    assert out == reply_of(case)
    assert seen(reply) == case["read"]


class Words:
    """Counts words: what is estimated is estimated by these."""

    def count(self, text: str, model: str) -> int:
        return len(text.split())


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices.load(warm=True)


@pytest.mark.parametrize("path", [p for p in FILES if "cost" in load(p)], ids=lambda p: p.stem)
def test_cost(path: Path, prices: Prices) -> None:
    """``cost``: nano-dollars (null without a price), and the price without its list; ``settled``: the usage charged."""
    case = load(path)
    _, _, exchange = parsed(case)
    _, reply = through(case, 1 << 20)
    answered = case.get("status", 200) < 400
    provider = exchange.endpoint.service
    usage, cost = settle(exchange, reply, Words(), prices, provider, AT, answered=answered)
    assert [cost.nano_usd, " ".join(price.partition("@")[0] for price in cost.price_id.split())] == case["cost"]
    if "settled" in case:
        assert usage_of(asdict(usage)) == case["settled"]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reply_without_anything_to_restore_is_byte_identical(path: Path, size: int) -> None:
    case = load(path)
    out, reply = through(case, size, Swap({"<NEVER_ISSUED_1>": "x"}))
    before = said(case, reply_of(case))
    if "<" not in before:
        assert out == reply_of(case)
    else:
        # What looks like the beginning of a placeholder may cross into the next event, no more.
        assert said(case, out).count("EMAIL_ADDRESS_1>") == before.count("EMAIL_ADDRESS_1>")
    assert seen(reply) == case["read"]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("path", [p for p in FILES if "restored" in load(p)], ids=lambda p: p.stem)
def test_placeholders_come_back(path: Path, size: int) -> None:
    case = load(path)
    out, reply = through(case, size, Swap({WORD: VALUE}))
    assert (unpacked(out) if "events" in case else out.decode()) == case["restored"]
    assert seen(reply) == case["read"]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("path", [p for p in FILES if "stripped" in load(p)], ids=lambda p: p.stem)
def test_usage_event_is_stripped(path: Path, size: int) -> None:
    case = load(path)
    out, reply = through(case, size, strip=True)
    assert out.decode() == case["stripped"]
    assert seen(reply) == case["read"]
