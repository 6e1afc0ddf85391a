"""Limits in the chain: held before, settled after, refused in the provider's shape, and nothing is ever left held."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import flow as mitm_flow
from mitmproxy import http

from harness.limited import Limited, completion
from harness.rig import Rig, chat
from weir.edge.guard import fail
from weir.limits.addon import Limits, Settlement
from weir.limits.budget import Claim
from weir.limits.owed import Owed
from weir.limits.rows import Actual
from weir.limits.store import LedgerError
from weir.model import Principal

TOKENS = {"tokens": 200, "per": "day"}


@pytest.fixture
def limited(make_rig: Callable[..., Rig], tmp_path: Path) -> Callable[..., Limited]:
    def make(*, down: bool = False, **sections: Any) -> Limited:
        return Limited(make_rig(**({"budgets": [TOKENS]} | sections)), tmp_path, down=down)

    return make


def during(limits: Limited, body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            await asyncio.wait_for(body(), 60)
        finally:
            await limits.rig.addon("limits").done()

    asyncio.run(main())


def test_what_a_request_may_use_is_held_and_what_it_used_is_spent(limited: Callable[..., Limited]) -> None:
    limits = limited()

    async def body() -> None:
        flow, trace = await limits.ask()
        assert trace.hold is not None and trace.hold.held
        held = await limits.standing()
        assert 100 < held.reserved <= 120 and held.spent == 0
        await limits.answer(flow, completion(8, 5))
        after = await limits.standing()
        assert (after.spent, after.reserved) == (13, 0)

    during(limits, body)


def test_a_refusal_is_a_429_in_the_providers_shape(limited: Callable[..., Limited]) -> None:
    limits = limited()

    async def body() -> None:
        flow, _ = await limits.ask()
        refused, trace = await limits.ask()
        assert refused.response is not None and refused.response.status_code == 429
        error = json.loads(refused.response.content or b"")["error"]
        assert error["type"] == "rate_limit_error" and error["code"] == "budget"
        assert "held for requests that are on their way" in error["message"]
        assert refused.response.headers["x-should-retry"] == "false"
        assert 1 <= int(refused.response.headers["retry-after"]) <= 5
        assert (trace.verdict.action.word, trace.verdict.rule_id, trace.acted) == ("block", "budget", True)
        await limits.answer(flow, completion(8, 5))
        again, _ = await limits.ask()
        assert again.response is None, "what was held and not used is free again"

    during(limits, body)
    (record,) = (one for one in limits.rig.records if one.kind == "block")
    assert (record.kind, record.action, record.rule_id, record.http_status) == ("block", "block", "budget", 429)
    assert record.reason.startswith("budget: held, org.tokens.day.")


def test_observing_refuses_nobody_and_counts_all_the_same(limited: Callable[..., Limited]) -> None:
    limits = limited(mode="observe", budgets=[{"tokens": 50, "per": "day"}], rates=[{"requests": 1}])

    async def body() -> None:
        for rule in ("budget", "rate"):
            flow, trace = await limits.ask()
            assert flow.response is None and not trace.acted
            assert (trace.verdict.action.word, trace.verdict.rule_id) == ("block", rule)
            await limits.answer(flow, completion(20, 20))
        assert (await limits.standing()).spent == 80

    during(limits, body)
    assert [r.action for r in limits.rig.records if r.kind == "request"] == ["allow", "allow"]


@pytest.mark.parametrize("ending", ["status", "error", "refused later", "guard", "gone"])
def test_every_path_gives_back_what_was_not_used(limited: Callable[..., Limited], ending: str) -> None:
    limits = limited()

    async def body() -> None:
        flow, trace = await limits.ask()
        if ending == "status":
            await limits.answer(flow, b'{"error": {"message": "no"}}', 500)
        elif ending == "error":
            flow.error = mitm_flow.Error("connection lost")
            await limits.hook(flow, "error")
        elif ending == "refused later":  # as when the audit can't be written
            trace.forwarded_ns = 0
            flow.response = http.Response.make(503)
            await limits.hook(flow, "responseheaders", "response")
        elif ending == "guard":
            trace.forwarded_ns = 0
            fail(flow, "usage.request", RuntimeError("bug"), limits.state)
            assert flow.response is not None
            await limits.hook(flow, "response")
        else:  # no hook tells of its end: the connection's own last record does
            trace.forwarded_ns, trace.closed = 0, True
            await limits.admission.close()
            return
        after = await limits.standing()
        assert (after.spent, after.reserved) == (0, 0)

    during(limits, body)


def test_a_cut_stream_is_settled_by_what_had_passed(limited: Callable[..., Limited]) -> None:
    limits = limited()

    async def body() -> None:
        flow, trace = await limits.ask(chat(stream=True, max_completion_tokens=100))
        flow.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
        await limits.hook(flow, "responseheaders")
        delta = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "one two three"}}]}
        assert trace.pipe is not None
        trace.pipe.feed(b"data: " + json.dumps(delta).encode() + b"\n\n")
        flow.error = mitm_flow.Error("client gone")
        await limits.hook(flow, "error")
        after = await limits.standing()
        assert 5 < after.spent < 30 and after.reserved == 0

    during(limits, body)


@pytest.mark.parametrize(("on_failure", "status"), [("block", 503), ("allow", 0)])
def test_a_store_that_is_away_is_for_on_failure(
    limited: Callable[..., Limited], on_failure: str, status: int, tmp_path: Path
) -> None:
    limits = limited(down=True, on_failure=on_failure)

    async def body() -> None:
        flow, trace = await limits.ask()
        assert (flow.response.status_code if flow.response else 0) == status
        assert "cannot be opened" in trace.extra["limits"]
        if not status:
            await limits.answer(flow, completion(8, 5))
            assert limits.admission.owed == 1
            (tmp_path / "nowhere").mkdir()
            await limits.admission._pay()
            assert limits.admission.owed == 0 and (await limits.standing()).spent == 13

    during(limits, body)
    first = limits.rig.records[0]
    assert (first.kind, first.rule_id) == (("block", "on-failure") if status else ("request", ""))


def test_a_downgrade_and_a_warning_stand_in_the_headers(limited: Callable[..., Limited]) -> None:
    budget = {**TOKENS, "models": ["gpt-5"], "downgrade": {"gpt-5": "gpt-5-nano"}, "warn_at": "5%"}
    limits = limited(budgets=[budget, {"tokens": 10_000, "per": "month", "warn_at": "0.1%"}])

    async def body() -> None:
        flow, _ = await limits.ask(chat(max_completion_tokens=20))
        assert "x-weir-budget-warning" not in await limits.answer(flow, completion(8, 5))
        sent = chat(model="gpt-5", max_completion_tokens=500)
        flow, trace = await limits.ask(sent)
        assert flow.request.content == sent.replace(b'"gpt-5"', b'"gpt-5-nano"')
        headers = await limits.answer(flow, completion(8, 5, "gpt-5-nano"))
        assert headers["x-weir-downgraded"] == "gpt-5 -> gpt-5-nano"
        assert headers["x-weir-budget-warning"].startswith("monthly budget of the organisation: 0 % used, starts anew")
        assert (trace.verdict.action.word, trace.model_asked) == ("downgrade", "gpt-5")

    during(limits, body)
    told = [record for record in limits.rig.records if record.kind == "budget"]
    assert len(told) == 1 and told[0].rule_id == "budget" and "monthly budget" in told[0].reason
    last = limits.rig.records[-1]
    assert (last.model_asked, last.request_model, last.action) == ("gpt-5", "gpt-5-nano", "downgrade")


def test_what_no_limit_is_about_costs_nothing(limited: Callable[..., Limited]) -> None:
    limits = limited(budgets=[{**TOKENS, "models": ["claude-*"]}])

    async def body() -> None:
        for method, path in (("POST", "/v1/chat/completions"), ("GET", "/v1/models")):
            _, trace = await limits.ask(method=method, path=path)
            assert trace.hold is None
        assert not limits.ledger.exists()

    during(limits, body)


def test_a_failure_of_ours_is_a_decision(limited: Callable[..., Limited], monkeypatch: pytest.MonkeyPatch) -> None:
    limits = limited()
    monkeypatch.setattr("weir.edge.limits.limiting.estimate", lambda *_, **__: 1 / 0)

    async def body() -> None:
        flow, trace = await limits.ask()
        assert flow.response is not None and flow.response.status_code == 503
        assert trace.failed == "limits.request: ZeroDivisionError"

    during(limits, body)


def test_the_addons_stand_where_they_belong(rig: Rig) -> None:
    names = [addon.name for addon in rig.addons]
    where = names.index("limits")
    assert {"sockets", "keyholders"} <= set(names[:where])
    assert names[where : where + 4] == ["limits", "usage", "settlement", "keys"]
    assert isinstance(rig.addons[where], Limits) and isinstance(rig.addons[where + 2], Settlement)
    assert LedgerError.__module__ == "weir.limits.store"


def test_what_an_earlier_process_owed_is_paid_when_weir_runs(
    limited: Callable[..., Limited], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("weir.limits.admission.TICK_S", 0.01)
    file = tmp_path / "owed.jsonl"
    Owed(file).add(Claim("c1", Principal(), "openai", "gpt-5", 50, None), Actual(42, None), held=False)
    limits = limited()
    limits.state.snapshot = replace(limits.state.snapshot, limits=replace(limits.state.snapshot.limits, owed=file))

    async def body() -> None:
        limits.rig.addon("limits").running()
        while file.exists():  # noqa: ASYNC110  a tick of the keeper's
            await asyncio.sleep(0.005)
        assert (await limits.standing()).spent == 42

    during(limits, body)


def test_without_limits_nothing_runs(rig: Rig) -> None:
    rig.addon("limits").running()
    assert rig.state.admission is None
