"""The place of the restriction in the chain, and what its failure does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.rig import Rig
from weir.edge import tenancy

OURS = "550e8400-e29b-41d4-a716-446655440000"


def test_it_stands_between_the_verdict_and_the_reservations(rig: Rig) -> None:
    names = [addon.name for addon in rig.addons]
    assert names.index("policy") < names.index("tenants") < names.index("limits") < names.index("audit")


@pytest.mark.parametrize("hook", ["requestheaders", "request", "responseheaders"])
def test_a_request_without_a_trace_is_nothing_to_it(rig: Rig, hook: str) -> None:
    assert getattr(rig.addon("tenants"), hook)(rig.flow()) is None


@pytest.mark.parametrize(("on_failure", "forwarded"), [("block", False), ("allow", True)])
def test_a_fault_is_a_decision_of_the_policy(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch, on_failure: str, forwarded: bool
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    rig = make_rig(tenants={"chatgpt": [OURS]}, services={"sanctioned": ["chatgpt"]}, on_failure=on_failure)
    monkeypatch.setattr(tenancy, "confine", broken)
    flow = rig.flow(host="chatgpt.com", path="/", method="GET")
    trace = rig.play(flow, "requestheaders", "request")
    assert (flow.response is None) is forwarded and trace.failed == "tenants.request: RuntimeError"
    assert rig.records[-1].inspection == "failed"
