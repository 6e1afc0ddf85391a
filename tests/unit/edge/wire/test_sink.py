"""A connection that was given up."""

from __future__ import annotations

from mitmproxy.proxy import context, events
from mitmproxy.test import taddons, tflow

from weir.edge.wire.sink import Sink


def test_it_swallows_everything_and_joins_no_stack() -> None:
    with taddons.context() as tctx:
        tctx.master._legacy_log_events.uninstall()
        around = context.Context(tflow.tclient_conn(), tctx.options)
    sink = Sink(around)
    assert around.layers == []
    for event in (events.Start(), events.DataReceived(around.client, b"late"), events.ConnectionClosed(around.client)):
        assert list(sink.handle_event(event)) == [] and list(sink._handle_event(event)) == []
