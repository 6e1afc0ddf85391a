"""What a limit makes of one exchange: verdicts that combine, what is known of its use, charges without a hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.limited import Limited, completion
from harness.rig import ADDRESS, Rig, chat
from weir.edge.limits.limiting import decided, used
from weir.edge.trace import Trace
from weir.limits.admission import UNUSED
from weir.limits.budget import Scope
from weir.limits.rates import Limited as TooFast
from weir.limits.rates import Rate
from weir.limits.rows import Actual
from weir.model import NO_USAGE, Action, Cost, Reply, Usage, Verdict

FAST = TooFast(Rate("r1", Scope.ORG, requests=1), "requests", 3)


@pytest.mark.parametrize(
    ("before", "action", "rule", "rules"),
    [
        (Verdict(), Action.BLOCK, "rate", ("rate",)),
        (Verdict(Action.REDACT, "a", rules=("a",)), Action.BLOCK, "rate", ("a", "rate")),
        (Verdict(Action.BLOCK, "a", rules=("a",)), Action.BLOCK, "a", ("a", "rate")),
    ],
)
def test_the_stronger_verdict_names_the_rule(
    rig: Rig, before: Verdict, action: Action, rule: str, rules: tuple[str, ...]
) -> None:
    trace = rig.play(rig.flow(chat()), "requestheaders")
    trace.verdict = before
    assert decided(trace, Action.BLOCK, FAST).startswith("Limit for the organisation")
    assert (trace.verdict.action, trace.verdict.rule_id, trace.verdict.rules) == (action, rule, rules)


@pytest.mark.parametrize(
    ("forwarded", "usage", "cost", "end"),
    [
        (0, None, None, UNUSED),
        (0, Usage(5, 5, source="estimated"), Cost(9), UNUSED),
        (1, None, None, None),  # its accounting failed
        (1, NO_USAGE, Cost(0, "no-usage"), UNUSED),
        (1, NO_USAGE, Cost(), None),  # a reply that nobody could read
        (1, Usage(5, 6, source="reported"), Cost(9), Actual(11, 9)),
        (1, Usage(5, 6, source="reported"), Cost(), Actual(11, None)),
        (1, Usage(10**20, 6, source="reported"), Cost(10**20), Actual(10**15, 10**15)),
    ],
)
def test_what_an_exchange_has_used(rig: Rig, forwarded: int, usage: Usage | None, cost: Cost | None, end: Any) -> None:
    trace: Trace = rig.play(rig.flow(chat()), "requestheaders")
    trace.forwarded_ns, trace.usage, trace.cost = forwarded, usage, cost
    assert used(trace) == end


def test_use_without_a_hold_is_charged(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    limits = Limited(make_rig(budgets=[{"tokens": 100, "per": "day"}]), tmp_path)

    async def body() -> None:
        # Fetched later, as the reply of a background response: nothing was asked for then.
        flow, trace = await limits.ask(b" ", method="GET", path="/v1/responses/resp_1")
        flow.request.content = b""
        trace.forwarded_ns, trace.usage, trace.cost = 1, Usage(30, 12, source="reported"), Cost(5)
        limits.rig.addon("settlement").response(flow)
        assert (await limits.standing()).spent == 42
        await limits.rig.addon("limits").done()

    asyncio.run(body())


def test_a_pseudonymised_request_is_downgraded_with_its_edits(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    budget = {"tokens": 10, "per": "day", "downgrade": {"gpt-5*": "gpt-5-nano"}}
    limits = Limited(make_rig(budgets=[budget]), tmp_path)

    async def body() -> None:
        flow, trace = await limits.ask(chat(f"Write to {ADDRESS}", max_completion_tokens=50))
        assert ADDRESS.encode() not in (flow.request.content or b"")
        assert b'"gpt-5-nano"' in (flow.request.content or b"")
        assert trace.verdict.action is Action.DOWNGRADE and trace.verdict.rules == ("no-addresses", "budget")
        headers = await limits.answer(flow, completion(8, 5, "gpt-5-nano"))
        assert headers["x-weir-downgraded"] == "gpt-5-mini -> gpt-5-nano"
        await limits.rig.addon("limits").done()

    asyncio.run(body())


def test_a_model_that_policy_forbids_is_no_way_out(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    budget = {"tokens": 10, "per": "day", "downgrade": {"gpt-5*": "gpt-5-nano"}}
    rule = {"id": "no-nano", "if": {"model": "*-nano"}, "then": "block", "say": "No."}
    limits = Limited(make_rig(budgets=[budget], rules=[rule]), tmp_path)

    async def body() -> None:
        flow, trace = await limits.ask(chat(max_completion_tokens=50))
        assert flow.response is not None and flow.response.status_code == 429
        assert (trace.verdict.rule_id, trace.model_asked) == ("budget", "gpt-5-mini")
        now = await limits.standing()
        assert (now.spent, now.reserved) == (0, 0)
        await limits.rig.addon("limits").done()

    asyncio.run(body())


def test_another_policys_limits_hold_from_the_next_request(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    limits = Limited(make_rig(budgets=[{"tokens": 10, "per": "day"}]), tmp_path)

    async def body() -> None:
        refused, _ = await limits.ask()
        assert refused.response is not None
        plan = limits.state.snapshot.limits
        assert plan is not None
        limits.state.snapshot = make_rig(budgets=[{"tokens": 1000, "per": "day"}]).state.snapshot
        limits.use()
        passes, _ = await limits.ask()
        assert passes.response is None and limits.admission.plan is limits.state.snapshot.limits
        await limits.rig.addon("limits").done()

    asyncio.run(body())


def responses(**more: Any) -> bytes:
    return json.dumps({"model": "gpt-5-mini", "input": "hello", "background": True, **more}).encode()


def response(status: str, usage: dict[str, int] | None = None) -> bytes:
    return json.dumps({"id": "resp_1", "object": "response", "model": "gpt-5-mini", "status": status, "usage": usage,
                       "output": []}).encode()  # fmt: skip


@pytest.mark.parametrize(("status", "spent"), [("completed", 12), ("failed", 0)])
def test_what_runs_in_the_background_holds_until_it_is_fetched(
    make_rig: Callable[..., Rig], tmp_path: Path, status: str, spent: int
) -> None:
    limits = Limited(make_rig(budgets=[{"tokens": 5000, "per": "day"}]), tmp_path)

    async def body() -> None:
        flow, _ = await limits.ask(responses(), path="/v1/responses")
        await limits.answer(flow, response("queued"))
        now = await limits.standing()
        assert now.spent == 0 and now.reserved >= 4096, "its model is still at work"
        refused, _ = await limits.ask(responses(), path="/v1/responses")
        assert refused.response is not None and refused.response.status_code == 429
        usage = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12} if status == "completed" else None
        for _ in range(2):
            fetched = limits.rig.flow(method="GET", path="/v1/responses/resp_1")
            (await limits.hook(fetched, "requestheaders", "request")).forwarded_ns = 1
            await limits.answer(fetched, response(status, usage))
            now = await limits.standing()
            assert (now.spent, now.reserved) == (spent, 0), "and counted once"
        await limits.rig.addon("limits").done()

    asyncio.run(body())


def test_a_result_file_is_charged_model_by_model(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    limits = Limited(make_rig(budgets=[{"tokens": 999, "per": "day", "models": ["gpt-5-nano"]}]), tmp_path)

    async def body() -> None:
        flow, trace = await limits.ask(b" ", method="GET", path="/v1/files/file-1/content")
        trace.forwarded_ns, trace.cost = 1, Cost(5)
        used = Usage(30, 12, source="reported")
        trace.usage = used.plus(used)
        trace.reply = Reply(by_model=(("gpt-5-mini", used), ("gpt-5-nano", used)))
        limits.rig.addon("settlement").response(flow)
        assert (await limits.standing()).spent == 42
        await limits.rig.addon("limits").done()

    asyncio.run(body())


@pytest.mark.parametrize(
    "body", [b'{"model": "gpt-5", "model": "gpt-5-nano", "messages": []}', b'{"model": " gpt-5", "messages": []}']
)
def test_a_model_that_is_named_oddly_passes_no_budget_by(
    make_rig: Callable[..., Rig], tmp_path: Path, body: bytes
) -> None:
    rig = make_rig(on_failure="allow", budgets=[{"tokens": 20, "per": "day", "models": ["gpt-5"]}])
    limits = Limited(rig, tmp_path)

    async def ask() -> None:
        flow, _ = await limits.ask(body)
        assert flow.response is not None and flow.response.status_code == 429
        await limits.rig.addon("limits").done()

    asyncio.run(ask())


LONG = "The quick brown fox jumps over the lazy dog. " * 40  # some 400 tokens, and 1,800 bytes


def test_a_prompt_is_counted_only_where_its_bound_will_not_do(
    make_rig: Callable[..., Rig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limited(make_rig(budgets=[{"tokens": 100_000, "per": "day"}]), tmp_path)
    counted: list[str] = []
    counter = limits.state.counter
    count = counter.count
    monkeypatch.setattr(counter, "count", lambda text, model: counted.append(text) or count(text, model))

    async def body() -> None:
        flow, trace = await limits.ask(chat(LONG, max_completion_tokens=50))
        assert (await limits.standing()).reserved > len(LONG) and not counted, "held is the bound"
        await limits.answer(flow, completion(400, 20))
        assert (await limits.standing()).spent == 420 and not counted, "the provider has told"
        flow, trace = await limits.ask(chat(LONG, max_completion_tokens=50))
        trace.usage = trace.cost = None
        limits.rig.addon("settlement").response(flow)  # nobody knows what it has used
        spent = (await limits.standing()).spent - 420
        assert counted and 250 < spent < 650, "what it claimed, counted"
        await limits.rig.addon("limits").done()

    asyncio.run(body())


def test_a_small_budget_lets_pass_what_fits_when_it_is_counted(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    limits = Limited(make_rig(budgets=[{"tokens": 1000, "per": "day"}]), tmp_path)

    async def body() -> None:
        flow, _ = await limits.ask(chat(LONG, max_completion_tokens=50))
        assert flow.response is None and 250 < (await limits.standing()).reserved < 650
        await limits.rig.addon("limits").done()

    asyncio.run(body())


LATER = json.dumps({"model": "gpt-5", "input": LONG, "background": True, "max_output_tokens": 50}).encode()


@pytest.mark.parametrize(
    ("rates", "body", "path"),
    [
        ([{"scope": "org", "tokens": 9999}], chat(LONG, max_completion_tokens=50), "/v1/chat/completions"),
        ([], LATER, "/v1/responses"),
    ],
)
def test_where_tokens_are_rated_or_held_for_long_they_are_counted_at_once(
    make_rig: Callable[..., Rig], tmp_path: Path, rates: list[dict[str, Any]], body: bytes, path: str
) -> None:
    limits = Limited(make_rig(budgets=[{"tokens": 100_000, "per": "day"}], rates=rates), tmp_path)

    async def ask() -> None:
        flow, _ = await limits.ask(body, path=path)
        assert flow.response is None and (await limits.standing()).reserved < 650
        await limits.rig.addon("limits").done()

    asyncio.run(ask())
