"""A hook that fails is a decision: refused under `block`, marked and let through under `allow`."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from mitmproxy import tls
from mitmproxy.proxy import server_hooks
from mitmproxy.test import tflow

from weir.edge import guard
from weir.edge.chunk import ChunkData
from weir.edge.guard import guarded
from weir.edge.trace import Link, Trace, link_of, start_trace
from weir.model import Inspection, OnFailure


class Failing:
    name = "failing"

    @guarded
    def request(self, flow: Any) -> None:
        raise ValueError("the prompt says canary-7")

    @guarded
    async def response(self, flow: Any) -> None:
        raise ValueError("the reply says canary-7")

    @guarded
    async def slow(self, flow: Any) -> None:
        await asyncio.Event().wait()


def flow_with_trace(on_failure: OnFailure) -> tuple[Any, Trace]:
    flow = tflow.tflow()
    settings = SimpleNamespace(on_failure=on_failure, mode="enforce")
    trace = Trace(
        state=SimpleNamespace(),  # type: ignore[arg-type]
        snapshot=SimpleNamespace(settings=settings),  # type: ignore[arg-type]
        link=Link(started_us=0),
        exchange_id="x",
        started_us=0,
        started_ns=0,
    )
    start_trace(flow, trace)
    return flow, trace


def test_block_refuses_and_marks(caplog: pytest.LogCaptureFixture) -> None:
    flow, trace = flow_with_trace(OnFailure.BLOCK)
    with caplog.at_level(logging.DEBUG):
        Failing().request(flow)
    assert flow.response.status_code == 503
    assert flow.response.headers["x-should-retry"] == "false"
    assert orjson.loads(flow.response.content)["rule"] == "on-failure"
    assert trace.inspection is Inspection.FAILED and trace.failed == "failing.request: ValueError"
    assert "failing.request: ValueError" in caplog.text
    assert "canary-7" not in caplog.text


def test_allow_goes_on_and_marks() -> None:
    flow, trace = flow_with_trace(OnFailure.ALLOW)
    Failing().request(flow)
    assert flow.response is None
    assert trace.failed_open and trace.inspection is Inspection.FAILED


def test_a_failure_after_the_reply_began_cuts_it() -> None:
    flow, trace = flow_with_trace(OnFailure.BLOCK)
    flow.response = tflow.tresp()
    asyncio.run(Failing().response(flow))
    assert trace.abort == "failing.response: ValueError"


def test_a_timeout_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "HOOK_TIMEOUT_S", 0.01)
    flow, trace = flow_with_trace(OnFailure.BLOCK)
    asyncio.run(Failing().slow(flow))
    assert flow.response.status_code == 503
    assert trace.failed == "failing.slow: TimeoutError"


def test_without_a_trace_the_default_is_to_refuse() -> None:
    flow = tflow.tflow()
    Failing().request(flow)
    assert flow.response.status_code == 503
    assert link_of(flow.client_conn).failed == "failing.request: ValueError"


@pytest.mark.parametrize(
    ("on_failure", "editing", "cut"),
    [(OnFailure.BLOCK, False, True), (OnFailure.ALLOW, False, False), (OnFailure.ALLOW, True, True)],
)
def test_chunks(on_failure: OnFailure, editing: bool, cut: bool) -> None:
    flow, trace = flow_with_trace(on_failure)
    trace.pipe = SimpleNamespace(editing=editing)  # type: ignore[assignment]
    data = ChunkData(flow, b"chunk")
    Failing().request(data)
    assert bool(data.abort) is cut
    assert data.out == ([] if cut else [b"chunk"])


def test_connections_are_condemned() -> None:
    flow = tflow.tflow()
    context = SimpleNamespace(client=flow.client_conn, server=flow.server_conn)
    Failing().request(tls.ClientHelloData(context, None))  # type: ignore[arg-type]
    assert link_of(flow.client_conn).failed
    other = tflow.tflow()
    data = server_hooks.ServerConnectionHookData(server=other.server_conn, client=other.client_conn)
    Failing().request(data)
    assert data.server.error and link_of(other.client_conn).failed
