"""Requests as far as they can be read, each with the reason where that ends."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable

import pytest

from harness.rig import Rig, chat
from weir.edge.reading import RAW, URL, read_into, read_request
from weir.model import Inspection

Q = "/v1/chat/completions"


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
        (b"", Q, {"upgrade": "WebSocket"}, "unparsed", "websocket", []),
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


def test_the_providers_key_parameter_is_not_a_text_to_scan(rig: Rig) -> None:
    host, path = "generativelanguage.googleapis.com", "/v1beta/models/gemini-2.5-pro:generateContent"
    flow = rig.flow(b'{"contents":[]}', host=host, path=f"{path}?key=the-callers-credential&hint=look+at+this")
    reading = read_request(rig.play(flow, "requestheaders"), flow)
    assert [s.text for s in reading.exchange.segments if s.pointer == URL] == ["look at this"]


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
