"""A hook that fails is a decision: refused under `block`, marked and let through under `allow`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from mitmproxy import tls
from mitmproxy.proxy import server_hooks
from mitmproxy.test import tflow

from harness.rig import Rig
from weir.edge import guard
from weir.edge.guard import guarded
from weir.edge.trace import Link, Trace, link_of, start_trace, trace_of
from weir.edge.wire.chunk import ChunkData
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


class Waiting(Failing):
    name = "keys"

    @guarded
    async def cancelled(self, flow: Any) -> None:
        raise asyncio.CancelledError


def test_what_is_waited_for_may_be_cancelled_and_that_is_a_failure() -> None:
    flow, trace = flow_with_trace(OnFailure.BLOCK)
    asyncio.run(Waiting().cancelled(flow))
    assert flow.response.status_code == 503 and trace.failed == "keys.cancelled: CancelledError"


def test_being_cancelled_oneself_is_not() -> None:
    flow, trace = flow_with_trace(OnFailure.BLOCK)

    async def main() -> None:
        task = asyncio.create_task(Failing().slow(flow))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not trace.failed and flow.response is None


def test_a_virtual_key_never_goes_upstream_unreplaced() -> None:
    flow, trace = flow_with_trace(OnFailure.ALLOW)
    trace.credential = "virtual"
    Waiting().request(flow)
    assert flow.response.status_code == 503 and not trace.failed_open


def test_the_hook_that_begins_the_trace_may_be_the_one_that_fails(rig: Rig, make_rig: Callable[..., Rig]) -> None:
    class Opening(Failing):
        def __init__(self, state: Any) -> None:
            self.state = state

    for one, status in ((rig, 503), (make_rig(on_failure="allow"), None)):
        flow = one.flow()
        Opening(one.state).request(flow)
        trace = trace_of(flow)
        assert trace and trace.failed == "failing.request: ValueError" and trace.host == "api.openai.com"
        assert (flow.response.status_code if flow.response else None) == status


@pytest.mark.parametrize(("on_failure", "refused"), [("block", True), ("allow", False)])
def test_a_connection_is_condemned_only_where_failures_block(
    make_rig: Callable[..., Rig], on_failure: str, refused: bool
) -> None:
    addon: Any = Failing()
    addon.state = make_rig(on_failure=on_failure).state
    flow = tflow.tflow()
    addon.request(flow.client_conn)
    assert link_of(flow.client_conn).failed and link_of(flow.client_conn).condemned is refused
    data = server_hooks.ServerConnectionHookData(server=flow.server_conn, client=flow.client_conn)
    addon.request(data)
    assert bool(data.server.error) is refused


def test_websocket_messages_are_dropped() -> None:
    for on_failure, dropped in ((OnFailure.BLOCK, True), (OnFailure.ALLOW, False)):
        flow = tflow.twebsocketflow()
        _, trace = flow_with_trace(on_failure)
        start_trace(flow, trace)
        Failing().request(flow)
        assert flow.websocket.messages[-1].dropped is dropped
