"""Which service, and how the company thinks of it; unknown hosts that talk like AI are discoveries."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import brotli
import pytest
import zstandard
from mitmproxy import http

from harness.rig import Rig, chat
from weir.model import Inspection, Status


@pytest.mark.parametrize(
    ("host", "path", "service", "status"),
    [
        ("api.openai.com", "/v1/chat/completions", "openai", Status.SANCTIONED),
        ("api.deepseek.com", "/chat/completions", "deepseek", Status.UNSANCTIONED),
        ("shop.example", "/cart", "", Status.UNKNOWN),
    ],
)
def test_the_catalogue_names_the_service(rig: Rig, host: str, path: str, service: str, status: Status) -> None:
    trace = rig.play(rig.flow(chat(), host=host, path=path), "requestheaders")
    assert (trace.service.id, trace.service.status, trace.is_ai) == (service, status, bool(service))


def test_the_lists_of_the_policy_decide(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(services={"tolerated": ["vendor:deepseek"], "unsanctioned": ["openai"], "otherwise": "unknown"})
    trace = rig.play(rig.flow(chat(), host="api.deepseek.com"), "requestheaders")
    assert trace.service.status is Status.TOLERATED
    assert rig.play(rig.flow(chat()), "requestheaders").service.status is Status.UNSANCTIONED


def test_any_claimed_name_makes_it_ai(rig: Rig) -> None:
    """A harmless SNI in front of an AI service's Host header does not hide it, nor the other way round."""
    flow = rig.flow(chat(), host="shop.example", headers={"host": "api.deepseek.com"})
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.is_ai and trace.service.id == "deepseek"
    assert flow.response is not None


def test_a_service_without_a_dialect_is_read_raw(rig: Rig) -> None:
    flow = rig.flow(b"prompt=hello+there+you", host="chat.deepseek.com", path="/api")
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.exchange is not None and trace.inspection is Inspection.UNPARSED
    assert any("hello" in segment.text for segment in trace.exchange.segments)


def test_an_unknown_host_that_talks_like_ai_is_discovered(rig: Rig) -> None:
    flow = rig.flow(chat("hello"), host="llm.internal.example", path="/v1/chat/completions")
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.discovered and trace.is_ai and len(trace.signals) >= 2
    assert (trace.service.id, trace.service.category) == ("llm.internal.example", "discovered")
    assert trace.endpoint is not None and trace.endpoint.service == "llm.internal.example"
    assert trace.exchange is not None and trace.exchange.model == "gpt-5-mini"  # read by the dialect it resembles
    assert '"discovered":"true"' in rig.records[-1].extra


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "gzip, br"])
def test_a_compressed_body_hides_nothing(rig: Rig, coding: str) -> None:
    body = chat("hello", max_tokens=5, temperature=1)
    for word in coding.split(", "):
        body = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.compress}[word](body)
    plain = rig.flow(chat("hello", max_tokens=5, temperature=1), host="llm.example", path="/api/x")
    packed = rig.flow(body, host="llm.example", path="/api/x", headers={"content-encoding": coding})
    traces = [rig.play(flow, "requestheaders", "request") for flow in (plain, packed)]
    assert traces[0].signals == traces[1].signals != ()
    assert traces[0].discovered == traces[1].discovered


def test_a_compressed_body_makes_a_discovery(rig: Rig) -> None:
    headers = {"content-encoding": "gzip", "authorization": "Bearer x"}
    flow = rig.flow(gzip.compress(chat("hello")), host="llm.example", path="/v1/chat/completions", headers=headers)
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.discovered and any(signal.startswith("request-body") for signal in trace.signals)
    assert trace.exchange is not None and trace.exchange.model == "gpt-5-mini"


def test_a_long_body_is_recognised_by_its_beginning(rig: Rig) -> None:
    body = gzip.compress(chat("hello " * 400_000))
    flow = rig.flow(body, host="llm.example", path="/v1/chat/completions", headers={"content-encoding": "gzip"})
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.discovered and any(signal.startswith("request-body") for signal in trace.signals)


@pytest.mark.parametrize(
    ("body", "path"), [(b'{"items":[1,2]}', "/cart"), (b"", "/"), (b'{"query":"{me{id}}"}', "/graphql")]
)
def test_ordinary_traffic_is_not(rig: Rig, body: bytes, path: str) -> None:
    trace = rig.play(rig.flow(body, host="shop.example", path=path), "requestheaders", "request")
    assert not trace.discovered and not trace.is_ai and trace.service.id == ""
    assert rig.records[-1].service_status == ""


def test_recognised_only_by_its_reply(rig: Rig) -> None:
    flow = rig.flow(b'{"q":"hello"}', host="tool.example", path="/v1/chat/completions")
    trace = rig.play(flow, "requestheaders", "request")
    assert not trace.discovered
    trace.forwarded_ns = 1
    flow.response = http.Response.make(200, b"", {"openai-processing-ms": "12", "x-ratelimit-remaining-tokens": "9"})
    rig.play(flow, "responseheaders")
    assert trace.discovered and trace.reason == "recognised by its reply"
    assert trace.service.category == "discovered"


def test_what_is_refused_already_is_not_looked_at(rig: Rig) -> None:
    flow = rig.flow(chat(), host="llm.internal.example")
    trace = rig.play(flow, "requestheaders")
    flow.response = http.Response.make(403)
    rig.play(flow, "request")
    assert not trace.discovered
