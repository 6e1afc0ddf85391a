"""How an exchange ended, as settling sees it."""

from __future__ import annotations

import pytest
from mitmproxy import flow as flows
from mitmproxy import http

from harness.rig import Rig, chat
from weir.edge.limits.settling import target_of
from weir.usage.multimodal import MediaTokens


def test_what_the_provider_answered(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    trace.media = MediaTokens(9)
    flow.response = http.Response.make(201)
    target = target_of(trace, flow)
    assert (target.provider, target.path, target.status) == ("openai", "/v1/chat/completions", 201)
    assert (target.whole, target.media, target.gone) == (True, 9, False)


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        ("Client disconnected.", True),
        ("stream reset by client (CANCEL)", True),
        ("server closed connection", False),
        ("Connect call failed", False),
    ],
)
def test_who_hung_up(rig: Rig, message: str, gone: bool) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    flow.error = flows.Error(message)
    target = target_of(trace, flow)
    assert (target.status, target.whole, target.gone) == (0, False, gone)
