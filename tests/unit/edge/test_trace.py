"""What is known of connections and flows lives as long as they do, beside them."""

from __future__ import annotations

import gc
import weakref

import pytest
from mitmproxy.test import tflow

from harness.rig import Rig, chat
from weir.edge.trace import link_of, open_links, open_traces, trace_of
from weir.model import Inspection, Segment


def test_one_link_a_connection_from_its_start() -> None:
    client = tflow.tclient_conn()
    client.timestamp_start = 1000.25
    link = link_of(client)
    assert link.started_us == 1_000_250_000 and link_of(client) is link
    assert link_of(tflow.tclient_conn()) is not link
    assert (client, link) in open_links()
    link.closed = True
    assert (client, link) not in open_links()


def test_a_trace_goes_with_its_flow(rig: Rig) -> None:
    flow = rig.flow(chat())
    assert trace_of(flow) is None
    trace = rig.play(flow, "requestheaders")
    assert trace in open_traces() and trace_of(flow) is trace
    trace.closed = True
    assert trace not in open_traces()
    ghost = weakref.ref(trace)
    del flow, trace
    gc.collect()
    assert ghost() is None


def test_nothing_is_in_the_flow_that_saving_it_would_leak(rig: Rig) -> None:
    flow = rig.flow(chat())
    rig.play(flow, "requestheaders", "request")
    assert flow.metadata == {}


@pytest.mark.parametrize("chunked", [True, False])
def test_a_new_body_has_a_length_and_no_coding(rig: Rig, chunked: bool) -> None:
    flow = rig.flow(chat(), headers={"content-encoding": "gzip"})
    if chunked:
        del flow.request.headers["content-length"]
        flow.request.headers["transfer-encoding"] = "chunked"
    trace = rig.play(flow, "requestheaders")
    trace.body = b"12345"
    trace.set_body(flow)
    assert flow.request.raw_content == b"12345" and "content-encoding" not in flow.request.headers
    assert flow.request.headers.get("content-length") == (None if chunked else "5")


def test_the_first_failure_is_the_one_that_is_told(rig: Rig) -> None:
    trace = rig.play(rig.flow(chat()), "requestheaders")
    trace.fail("dlp.request: TimeoutError")
    trace.fail("policy.request: ValueError")
    assert (trace.failed, trace.inspection) == ("dlp.request: TimeoutError", Inspection.FAILED)
    assert trace.reason == trace.failed


def test_the_work_of_scanning_what_was_sent_adds_up(rig: Rig) -> None:
    trace = rig.play(rig.flow(chat()), "requestheaders")
    assert (trace.dlp_us, trace.dlp_chars) == (None, None)
    text = Segment("/messages/0/content", "user", "How high is the river?")
    assert trace.scan((text,), 5.0).complete and trace.dlp_chars == len(text.text)
    trace.scan((text,), 5.0)  # known from before
    trace.scan((Segment("/x", "assistant", "It stands low."),), 5.0, "response")  # not of what was sent
    assert trace.dlp_chars == len(text.text) and (trace.dlp_us or 0) > 0
