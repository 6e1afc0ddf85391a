"""Nothing that policy may ask about is lost between the trace and its case."""

from __future__ import annotations

import dataclasses

from harness.rig import ADDRESS, Rig, chat
from weir.edge.case import case_of
from weir.model import ANONYMOUS
from weir.policy.case import Case


def test_a_read_request(rig: Rig) -> None:
    tool = {"type": "function", "function": {"name": "lookup", "parameters": {}}}
    flow = rig.flow(chat(f"to {ADDRESS}", tools=[tool]), headers={"authorization": "Bearer " + "sk-" + "x" * 40})
    trace = rig.play(flow, "requestheaders", "request", until="dlp")
    case = case_of(trace)
    assert (case.model, case.host, case.service.id, case.credential) == (
        "gpt-5-mini", "api.openai.com", "openai", "raw",
    )  # fmt: skip
    assert [one.kind for one in case.shown] == [one.kind for one in trace.raw] == ["unknown"]
    assert case.findings == trace.findings and trace.exchange is not None
    assert case.segments is trace.exchange.segments and case.tools == ("lookup",)
    assert case.is_ai and not case.discovered and case.endpoint is trace.endpoint


def test_a_request_nobody_read(rig: Rig) -> None:
    case = case_of(rig.play(rig.flow(b"{}", host="shop.example", path="/"), "requestheaders"))
    assert (case.model, case.segments, case.tools, case.principal) == ("", (), (), ANONYMOUS)
    assert case.names == ("shop.example",) and not case.concerns_ai


def test_every_field_but_the_direction_is_filled_from_the_trace(rig: Rig) -> None:
    trace = rig.play(rig.flow(chat()), "requestheaders", "request")
    named = {field.name for field in dataclasses.fields(Case)}
    held = {name for name in named if hasattr(trace, name) or hasattr(trace.exchange, name)}
    # `shown` are `trace.raw`; the other models stand among the segments
    assert named - held <= {"direction", "shown", "objection", "other_models"}
    others = rig.play(rig.flow(chat(models=["o3"])), "requestheaders", "request", until="dlp")
    assert case_of(others).other_models == ("o3",)
