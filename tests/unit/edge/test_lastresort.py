"""A failing audit hook, or a connection's last, leaves a record all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import tls
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import tflow

from harness.rig import Rig, chat
from weir.audit.spool.writer import SpoolUnavailable
from weir.edge import lastresort, records
from weir.edge.trace import link_of

WHAT = "audit.response: RuntimeError"


def broken(*_: Any) -> Any:
    raise RuntimeError("quotes a prompt")


def test_a_failed_request_hook_owes_the_request_record(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders")
    lastresort.record(flow, "audit.request", "audit.request: RuntimeError", rig.state)
    assert [r.kind for r in rig.records] == ["request"]
    assert trace.recorded and not trace.closed


def test_a_failed_end_closes_the_exchange(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    trace.forwarded_ns = 1
    trace.fail(WHAT)
    lastresort.record(flow, "audit.response", WHAT, rig.state)
    assert [(r.kind, r.inspection, r.inspection_reason) for r in rig.records][1:] == [("response", "failed", WHAT)]
    assert trace.closed


@pytest.mark.parametrize(("forwarded", "kind", "action"), [(0, "block", "block"), (1, "error", "allow")])
def test_without_a_full_record_there_is_a_minimal_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, forwarded: int, kind: str, action: str
) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    flow.response = tflow.tresp()
    trace.forwarded_ns = forwarded
    monkeypatch.setattr(records, "request_record", broken)
    monkeypatch.setattr(records, "reply_record", broken)
    lastresort.record(flow, "audit.response", WHAT, rig.state)
    last = rig.records[-1]
    assert (last.kind, last.action, last.reason, last.exchange_id) == (kind, action, WHAT, trace.exchange_id)
    assert last.inspection == "failed" and "prompt" not in repr(last)


def test_a_tunnel_has_no_trace(rig: Rig) -> None:
    flow = tflow.tflow(resp=True)
    lastresort.record(flow, "audit.http_connect", "audit.http_connect: KeyError", rig.state)
    assert [(r.kind, r.reason) for r in rig.records] == [("block", "audit.http_connect: KeyError")]


@pytest.mark.parametrize("hook", ["client_disconnected", "tls_failed_client"])
def test_the_last_hook_of_a_connection(rig: Rig, hook: str) -> None:
    flow = tflow.tflow()
    link = link_of(flow.client_conn)
    link.host = "api.openai.com"
    data: Any = flow.client_conn
    if hook == "tls_failed_client":
        context: Any = type("Context", (), {"client": flow.client_conn})
        data = tls.TlsData(flow.client_conn, context)
    lastresort.record(data, f"connections.{hook}", f"connections.{hook}: OSError", rig.state)
    (made,) = rig.records
    assert (made.kind, made.host, made.inspection_reason) == ("error", link.host, f"connections.{hook}: OSError")
    assert link.closed and made.exchange_id == link.exchange_id


def test_the_end_of_a_connection_of_weirs_own(rig: Rig) -> None:
    flow = tflow.tflow()
    data = ServerConnectionHookData(flow.server_conn, flow.client_conn)
    lastresort.record(data, "doors.server_disconnected", "doors.server_disconnected: OSError", rig.state)
    (made,) = rig.records
    assert (made.kind, made.inspection_reason) == ("error", "doors.server_disconnected: OSError")


@pytest.mark.parametrize("where", ["providers.response", "begin.requestheaders", "connections.next_layer"])
def test_others_are_named_by_the_records_that_follow(rig: Rig, where: str) -> None:
    lastresort.record(rig.flow(chat()), where, f"{where}: OSError", rig.state)
    assert rig.records == []


def test_a_spool_that_refuses_is_no_second_failure(
    make_rig: Callable[..., Rig], caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig()

    def closed(record: Any) -> None:
        raise SpoolUnavailable("closed")

    rig.ledger.put = closed  # type: ignore[method-assign,assignment]
    lastresort.record(tflow.tflow(), "audit.request", "audit.request: OSError", rig.state)
    assert "SpoolUnavailable" in caplog.text
    lastresort.record(tflow.tflow(), "audit.request", "audit.request: OSError", None)
