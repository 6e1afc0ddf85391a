"""routing in the chain: after the key, before the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.rig import Rig, chat, run
from weir.edge.wire.attempt import Attempt
from weir.keys.company import CompanyKey
from weir.keys.pool import Member, Pool
from weir.model import Secret

HOME, EU = "api.openai.com", "eu.api.openai.com"


def test_a_request_that_fails_goes_elsewhere(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(failover={"openai": {"to": [{"host": EU}]}})
    key = CompanyKey(Pool([Member("openai", Secret("of-the-company", hosts=(HOME, EU)))]))
    rig.state.snapshot = replace(rig.state.snapshot, secrets={"openai": key})
    virtual = rig.state.virtual_keys.create(app="crawler", team="finance")[1]
    flow = rig.flow(chat(), headers={"authorization": f"Bearer {virtual}"})
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.route is not None and [record.kind for record in rig.records] == ["request"]
    attempt = Attempt(flow, "reset")
    run(rig.addon("routing").attempt_failed(attempt))
    assert attempt.again and flow.request.host == EU


def test_a_request_that_was_answered_here_has_no_other_place(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(failover={"openai": {"to": [{"host": EU}]}})
    flow = rig.flow(chat(), headers={"authorization": "Bearer weir-sk-" + "0" * 49})
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and trace.route is None


def test_order(make_rig: Callable[..., Rig]) -> None:
    names = [getattr(addon, "name", "") for addon in make_rig().addons]
    assert names.index("keys") < names.index("routing") < names.index("audit")
