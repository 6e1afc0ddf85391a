"""Requests as far as they can be read, each with the reason where that ends."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable

import brotli
import pytest
import zstandard

from harness.rig import Rig, chat
from weir.edge.reading import RAW, URL, peek, read_into, read_request
from weir.model import Inspection

Q = "/v1/chat/completions"
CHARSET = "charset other than UTF-8"
GEMINI = "generativelanguage.googleapis.com"
GENERATE = "/v1beta/models/gemini-2.5-pro:generateContent"
KEY = "ghp_" + "Ab0" * 12


@pytest.mark.parametrize(
    ("body", "path", "headers", "inspection", "reason", "pointers"),
    [
        (chat("hi"), Q, {}, "inspected", "", ["/messages/0/content"]),
        (gzip.compress(chat("hi")), Q, {"content-encoding": "gzip"}, "inspected", "", ["/messages/0/content"]),
        (chat("hi"), Q + "?note=some+longer+text", {}, "inspected", "", ["/messages/0/content", URL]),
        (b"", Q, {}, "partial", "no body", []),
        (b"", "/v1/unknown", {}, "partial", "unknown operation, no body", [URL]),
        (b"{}", "/v1/unknown", {}, "unparsed", "unknown operation", [RAW, URL]),
        (b"[1", Q, {}, "unparsed", None, [RAW]),
        (b"  ", Q, {}, "unparsed", None, []),
        (b"junk", Q, {"content-encoding": "gzip"}, "unparsed", None, []),
        (gzip.compress(b""), Q, {"content-encoding": "gzip"}, "unparsed", "empty after decoding", []),
        (b"", Q, {"upgrade": "WebSocket"}, "inspected", "", []),
        (b"", Q, {"upgrade": "h2c"}, "unparsed", "upgrade", []),
        (b"", Q, {"upgrade": "websocket, h2c"}, "unparsed", "upgrade", []),
        (b"", Q, {"connection": "keep-alive, Upgrade"}, "unparsed", "upgrade", []),
        (chat("hi"), Q, {"upgrade": "websocket"}, "unparsed", "websocket", ["/messages/0/content"]),
        (chat("hi"), Q, {"content-type": "application/json; charset=utf-7"}, "unparsed", CHARSET, [RAW]),
        (chat("hi"), Q, {"content-type": 'application/json; Charset = "UTF-16"'}, "unparsed", CHARSET, [RAW]),
        (chat("hi"), Q, {"content-type": "application/json;charset=UTF-8"}, "inspected", "", ["/messages/0/content"]),
    ],
)
def test_readings(
    rig: Rig, body: bytes, path: str, headers: dict[str, str], inspection: str, reason: str | None, pointers: list[str]
) -> None:
    flow = rig.flow(body, path=path, headers=headers)
    reading = read_request(rig.play(flow, "requestheaders"), flow)
    exchange = reading.exchange
    assert exchange.inspection == inspection
    assert exchange.reason == reason if reason is not None else exchange.reason
    assert [s.pointer for s in exchange.segments if s.role == "user" or s.pointer in (RAW, URL)] == pointers


def test_a_body_over_the_limit_is_not_looked_at(rig: Rig) -> None:
    flow = rig.flow(chat("hi"))
    trace = rig.play(flow, "requestheaders")
    trace.oversize = True
    reading = read_request(trace, flow)
    assert reading.body is None
    assert (reading.exchange.inspection, reading.exchange.reason) == (Inspection.FAILED, "body over the limit")


def test_a_bomb_is_a_reason_and_no_body(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(limits={"body_bytes_max": 65536})
    flow = rig.flow(gzip.compress(b" " * 10_000_000), headers={"content-encoding": "gzip"})
    reading = read_request(rig.play(flow, "requestheaders"), flow)
    assert reading.body is None and reading.exchange.inspection is Inspection.UNPARSED


@pytest.mark.parametrize(
    ("host", "path", "lines"),
    [
        ("api.openai.com", Q, []),
        ("api.openai.com", Q + "?beta=true&x", []),
        ("api.openai.com", Q + "?x=some+longer%20text", ["some longer text", "some+longer text"]),
        ("api.openai.com", f"{Q}?{KEY}=1", [KEY]),
        (
            "api.openai.com",
            f"{Q}?x={KEY.replace('_', '%255F')}",
            [KEY.replace("_", mark) for mark in ("%5F", "_")],
        ),
        ("api.openai.com", f"/{KEY}/../v1/chat/completions", [f"/{KEY}/../v1/chat/completions"]),
        ("api.openai.com", f"{Q};{KEY}", [f"{Q};{KEY}"]),
        ("api.openai.com", f"{Q}#{KEY}", [f"{Q}#{KEY}"]),
        ("api.openai.com", "/v1//chat/completions", ["/v1//chat/completions"]),
        (GEMINI, f"/v1beta/models/{KEY}:generateContent", [f"/v1beta/models/{KEY}:generateContent"]),
        (GEMINI, GENERATE + "?key=AIza" + "a1" * 17 + "b", [GENERATE]),
        (GEMINI, f"{GENERATE}?key={KEY}", [GENERATE, KEY]),
        (GEMINI, f"{GENERATE}?key=AIza{'a1' * 17}b&key={KEY}", [GENERATE, KEY]),
    ],
)
def test_every_text_of_the_target_is_one_to_scan(rig: Rig, host: str, path: str, lines: list[str]) -> None:
    """Except the provider's own kind of credential in the place of one."""
    flow = rig.flow(b"{}", host=host, path=path)
    reading = read_request(rig.play(flow, "requestheaders"), flow)
    assert [s.text.split("\n") for s in reading.exchange.segments if s.pointer == URL] == ([lines] if lines else [])


def test_a_virtual_key_in_its_place_is_not_a_text_to_scan(rig: Rig) -> None:
    _, key = rig.state.virtual_keys.create(app="a")
    flow = rig.flow(b"{}", host=GEMINI, path=f"{GENERATE}?key={key}")
    reading = read_request(rig.play(flow, "requestheaders"), flow)
    assert [s.text for s in reading.exchange.segments if s.pointer == URL] == [GENERATE]


def test_a_method_that_nobody_knows_is_a_text_to_scan(rig: Rig) -> None:
    flow = rig.flow(b"{}", method="AKIA" + "A2" * 8)
    reading = read_request(rig.play(flow, "requestheaders"), flow)
    assert [s.text for s in reading.exchange.segments if s.pointer == URL] == ["AKIA" + "A2" * 8]


@pytest.mark.parametrize("body", [b"", b"{}", b"junk"])
def test_a_model_that_is_none_is_not_taken_for_one(rig: Rig, body: bytes) -> None:
    flow = rig.flow(body, host=GEMINI, path="/v1beta/models/say%20this:generateContent")
    reading = read_request(rig.play(flow, "requestheaders"), flow)
    assert reading.exchange.model == ""
    assert any("say this" in s.text for s in reading.exchange.segments if s.pointer == URL)


def test_a_raw_body_is_never_cut_in_silence(rig: Rig) -> None:
    flow = rig.flow(b"x" * 2_000_001, path="/v1/unknown")
    exchange = read_request(rig.play(flow, "requestheaders"), flow).exchange
    assert exchange.reason == "unknown operation; only the first 2000000 characters looked at"
    assert len(exchange.segments[0].text) == 2_000_000


@pytest.mark.parametrize(
    ("body", "encoding", "want"),
    [
        (b"", "", None),
        (b"plain", "", b"plain"),
        (b"x" * 1500 + b"y" * 500, "", b"x" * 768 + b"\n" + b"y" * 255),
        (b"\r\n\t " * 900 + b"{}", "", b"{}"),
        (gzip.compress(b"hello"), "gzip", b"hello"),
        (gzip.compress(gzip.compress(b"hello")), "gzip, gzip", b"hello"),
        (gzip.compress(b"y" * 100_000), "gzip", b"y" * 1024),
        (zstandard.compress(b"hello"), "zstd", b"hello"),
        (brotli.compress(b"hello" * 100), "br", b"hello" * 100),
        (b"not gzip", "gzip", b"not gzip"),
        (b"hello", "klingon", b"hello"),
    ],
)
def test_a_peek_is_decoded_and_bounded(rig: Rig, body: bytes, encoding: str, want: bytes | None) -> None:
    flow = rig.flow(body, host="shop.example", headers={"content-encoding": encoding} if encoding else {})
    assert peek(flow, 1024) == want


def test_texts_stay_out_of_reasons(rig: Rig) -> None:
    flow = rig.flow(b'{"messages": [{"role": "user", "content": canary')
    reading = read_request(rig.play(flow, "requestheaders"), flow)
    assert "canary" not in reading.exchange.reason and "canary" not in repr(reading.exchange)


def test_small_bodies_are_read_at_once_and_large_ones_by_a_worker(rig: Rig) -> None:
    small, large = rig.flow(chat("hi")), rig.flow(chat("hi " * 50_000))
    trace = rig.play(small, "requestheaders")
    assert read_into(trace, small) is None and trace.exchange is not None and trace.body == chat("hi")
    trace = rig.play(large, "requestheaders")
    waits = read_into(trace, large)
    assert waits is not None and trace.exchange is None

    async def wait() -> None:
        await waits

    asyncio.run(wait())
    assert trace.exchange is not None and trace.inspection is Inspection.INSPECTED  # type: ignore[unreachable]
