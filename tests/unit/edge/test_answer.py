"""weir's own answers: each client gets the form that it can read."""

from __future__ import annotations

import json

import pytest

from harness.rig import Rig
from weir.edge.answer import answer

BROWSER = {"accept": "text/html", "sec-fetch-mode": "navigate"}


@pytest.mark.parametrize(
    ("host", "path", "headers", "kind", "where"),
    [
        ("api.openai.com", "/v1/chat/completions", {}, "application/json", ("error", "message")),
        ("api.anthropic.com", "/v1/messages", {}, "application/json", ("error", "message")),
        ("api.openai.com", "/v1/models", {}, "application/json", ("error", "message")),
        ("api.openai.com", "/v1/unknown", {}, "application/json", ("error", "message")),
        ("api.cohere.com", "/v1/models", {}, "application/json", ("message",)),
        ("shop.example", "/", {}, "application/problem+json", ("detail",)),
    ],
)
def test_programs(rig: Rig, host: str, path: str, headers: dict[str, str], kind: str, where: tuple[str, ...]) -> None:
    flow = rig.flow(host=host, path=path, headers=headers)
    trace = rig.play(flow, "requestheaders")
    answer(flow, trace, 403, "some-rule", "No, because.")
    assert flow.response is not None and flow.response.status_code == 403
    assert flow.response.headers["content-type"] == kind
    found = json.loads(flow.response.content or b"")
    for key in where:
        found = found[key]
    assert "No, because." in found
    assert flow.response.headers["x-weir-rule"] == "some-rule"
    assert flow.response.headers["x-should-retry"] == "false"
    assert flow.response.headers["x-weir-request"] == trace.exchange_id


def test_people_get_a_page_even_where_programs_get_json(rig: Rig) -> None:
    flow = rig.flow(headers=BROWSER)
    answer(flow, rig.play(flow, "requestheaders"), 403, "some-rule", "No <b>, because.")
    assert flow.response is not None and flow.response.headers["content-type"].startswith("text/html")
    assert "No &lt;b&gt;, because." in (flow.response.get_text() or "")
