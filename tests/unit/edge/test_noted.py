from __future__ import annotations

import json

from mitmproxy import http

from harness.rig import Rig, chat
from weir.edge import records
from weir.edge.noted import noted


def test_of_a_request_only_fingerprints_are_kept(rig: Rig) -> None:
    flow = rig.flow(chat(), headers={"OpenAI-Project": "proj_synthetic", "x-other": "1"})
    trace = rig.play(flow, "requestheaders", "request")
    found = noted(trace, flow.request)
    assert list(found) == ["request openai-project"] and len(found["request openai-project"]) == 16
    record = records.request_record(trace, flow)
    assert json.loads(record.extra).items() >= found.items()
    assert "proj_synthetic" not in repr(record)
    again = rig.flow(chat(), headers={"openai-project": "proj_synthetic"})
    assert noted(rig.play(again, "requestheaders"), again.request) == found


def test_of_a_reply_ids_and_limits_are_kept(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    headers = {"x-request-id": "req_1", "x-ratelimit-remaining-tokens": "4999", "set-cookie": "a=b", "x-odd": "1"}
    flow.response = http.Response.make(200, b"{}", headers)
    found = {"reply x-request-id": "req_1", "reply x-ratelimit-remaining-tokens": "4999"}
    assert noted(trace, flow.response) == found
    assert "x-request-id" not in records.reply_record(trace, flow).extra  # nothing was forwarded: not the provider's
    trace.forwarded_ns = trace.started_ns + 1
    assert json.loads(records.reply_record(trace, flow).extra).items() >= found.items()


def test_nothing_is_kept_where_nobody_said_what(rig: Rig) -> None:
    flow = rig.flow(chat(), headers={"openai-project": "p"})
    trace = rig.play(flow, "requestheaders")
    trace.provider = None
    assert noted(trace, flow.request) == {} and noted(trace, None) == {}
