"""Limits on one exchange: what it may use at most is asked for before it goes, and what it used written down after.

`weir.limits` is loaded by the policies that have limits, and by no others: its libraries take a third of a second.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from mitmproxy import http

from weir.audit.record import now_us
from weir.edge import records
from weir.edge.answer import answer
from weir.edge.case import case_of
from weir.edge.coach import decide
from weir.edge.limits.downgrade import reroute
from weir.edge.limits.estimating import Estimate, at_most, estimate
from weir.edge.state import State
from weir.edge.trace import Trace
from weir.limits.budget import AMOUNT_MAX, UNREADABLE, Claim, Refused, Standing
from weir.limits.estimate import counted, hidden_model
from weir.model import Action, Inspection, OnFailure, Reply
from weir.providers.wire.words import recordable_model

if TYPE_CHECKING:
    from weir.limits.admission import Admission, End
    from weir.limits.holding import Exactly
    from weir.limits.rates import Limited
    from weir.limits.rows import Actual
    from weir.limits.steps import Admitted, Again

__all__ = ["admission_of", "away", "begin", "decided", "finish", "refuse", "show", "used"]

log = logging.getLogger("weir.limits")
STATUS = 429
AWAY = "weir cannot reach the store of its budgets and rates, so nothing is forwarded. Try again later."
_FETCHES = frozenset({"cancel", "poll", "read"})
_CAME_TO_NOTHING = frozenset({"canceled", "cancelled", "failed"})
_BODY_MAX = 64 * 1024  # a model's name in a larger body is replaced by a worker


def admission_of(state: State) -> Admission:
    """The limits in force, of the policy in force."""
    from weir.limits.admission import Admission
    from weir.limits.words import warning

    def told(standing: Standing) -> None:
        account = standing.account
        scope, text = account.budget.scope, warning(standing)
        event = records.event_record("budget", text, state.snapshot.settings.hash)
        state.spool.put(
            replace(
                event,
                rule_id="budget",
                team=account.name if scope == "team" else "",
                app=account.name if scope == "app" else "",
                user=account.name if scope == "user" else "",
                key_id=account.name if scope == "key" else "",
            )
        )
        log.warning("%s", text)

    plan = state.limits
    if state.admission is None:
        assert plan is not None
        state.admission = Admission(plan, told)
    elif plan is not None and plan is not state.admission.plan:
        state.admission.use(plan)
    return state.admission


def begin(state: State, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """Ask for room for a request that makes a model work; something to await where any limit is about it."""
    exchange = trace.exchange
    if state.limits is None or exchange is None or flow.response:
        return None
    if not counted(trace.method, exchange.endpoint.operation, exchange.model):
        return None
    admission = admission_of(state)
    unparsed = exchange.inspection is Inspection.UNPARSED and trace.dialect is not None
    model = hidden_model(exchange.model, trace.body or b"", unparsed=unparsed)
    probe = Claim(trace.exchange_id, trace.principal, trace.service.id, model, 0, None)
    return _begin(state, trace, flow, admission, model) if admission.gate.concerns(probe) else None


async def _begin(state: State, trace: Trace, flow: http.HTTPFlow, admission: Admission, model: str) -> None:
    from weir.limits.holding import Exactly
    from weir.limits.steps import Admitted
    from weir.limits.store import LedgerError

    assert trace.exchange
    exchange, otherwise = trace.exchange, admission.plan.output_tokens
    claim = Claim(trace.exchange_id, trace.principal, trace.service.id, model, 0, None)
    # In the background it may hold for an hour, and nobody is left to ask then what it was.
    rough = admission.gate.rough(claim) and exchange.parameters.get("background") is not True
    made = await (at_most if rough else estimate)(trace, otherwise)

    async def look() -> Again:  # at the request as it was asked for, whatever has become of it
        close = await estimate(trace, otherwise, exchange, before=trace.media.tokens, body=trace.body or b"")
        return partial(close.claim, trace.exchange_id)

    exactly, claim = Exactly(look), made.claim(trace.exchange_id, model)
    try:
        got = await admission.ask(
            claim,
            stream=exchange.stream,
            observe=not trace.enforcing,
            again=partial(made.claim, trace.exchange_id),
            exactly=exactly,
        )
    except LedgerError as error:
        away(state, trace, flow, claim, str(error), exactly)
        return
    if not isinstance(got, Admitted):
        refuse(flow, trace, got)
    else:
        await _take(state, trace, flow, got, exactly)


async def _take(state: State, trace: Trace, flow: http.HTTPFlow, got: Admitted, exactly: Exactly) -> None:
    """Carry out what was admitted, maybe for another model."""
    assert trace.exchange
    admission, stream = admission_of(state), trace.exchange.stream
    trace.hold = admission.hold(got, stream=stream, over=lambda: trace.closed, how=lambda: used(trace), exactly=exactly)
    if got.refused is None:
        return
    if not trace.enforcing:
        instead = isinstance(got.refused, Refused) and bool(got.refused.instead)
        decided(trace, Action.DOWNGRADE if instead else Action.BLOCK, got.refused)
        return
    asked = recordable_model(trace.exchange, trace.findings) or UNREADABLE  # it goes into a header and the audit
    model = got.claim.model
    if len(trace.body or b"") > _BODY_MAX:
        timeout = trace.snapshot.settings.limits.hook_timeout_ms / 1000
        done = await state.workers.run(reroute, trace, flow, model, timeout_s=timeout, lane="parse")
    else:
        done = reroute(trace, flow, model)
    if done:
        trace.model_asked = asked
    if done and decide(trace, flow, case_of(trace)).action < Action.COACH:  # the other model may be forbidden
        decided(trace, Action.DOWNGRADE, got.refused)
    else:
        refuse(flow, trace, got.refused)  # the hold ends with the exchange: nothing was forwarded


def away(
    state: State, trace: Trace, flow: http.HTTPFlow, claim: Claim, why: str, exactly: Exactly | None = None
) -> None:
    """The stores can't be used: `on_failure` decides. What passes is charged when they are back."""
    from weir.limits.steps import Admitted

    trace.extra = {**trace.extra, "limits": why}
    if trace.enforcing and trace.on_failure is OnFailure.BLOCK:
        trace.refused_by, trace.refused_why = "on-failure", why
        answer(flow, trace, 503, "on-failure", AWAY)
        return
    trace.hold = admission_of(state).hold(
        Admitted(claim), stream=False, over=lambda: trace.closed, how=lambda: used(trace), exactly=exactly
    )


def decided(trace: Trace, action: Action, refused: Refused | Limited) -> str:
    """Put what a limit wants into the verdict; returns the sentence for the client."""
    from weir.limits.words import because, said

    rule, say, was = "budget" if isinstance(refused, Refused) else "rate", said(refused), trace.verdict
    stronger = action > was.action
    trace.verdict = replace(
        was,
        action=max(action, was.action),
        rule_id=rule if stronger else was.rule_id,
        reason="; ".join(filter(None, (was.reason, because(refused)))),
        say=say if stronger else was.say,
        rules=tuple(dict.fromkeys((*was.rules, rule))),
    )
    return say


def refuse(flow: http.HTTPFlow, trace: Trace, refused: Refused | Limited) -> None:
    """Answer 429 in the provider's shape: what is used up, whose it is, and when to ask again."""
    from weir.limits.words import headers

    say = decided(trace, Action.BLOCK, refused)
    trace.acted = True
    answer(flow, trace, STATUS, trace.verdict.rule_id, say)
    assert flow.response
    flow.response.headers.pop("x-should-retry", None)
    for name, value in headers(refused, now_us()).items():
        flow.response.headers[name] = value


def show(trace: Trace, flow: http.HTTPFlow) -> None:
    """Tell the client of a downgrade, and of a budget that goes to its end. Nobody else may speak for weir."""
    if flow.response is None:
        return
    claimed = any(name[:7].lower() == b"x-weir-" for name, _ in flow.response.headers.fields)
    if claimed and trace.forwarded_ns and not trace.failed and not (trace.look and trace.look.refused):
        for name in [name for name in flow.response.headers if name.lower().startswith("x-weir-")]:
            del flow.response.headers[name]
    if trace.hold is None:
        return
    if trace.model_asked and trace.exchange and trace.forwarded_ns:
        flow.response.headers["x-weir-downgraded"] = f"{trace.model_asked} -> {trace.exchange.model}"
    if trace.hold.warnings:
        from weir.limits.words import warning

        flow.response.headers["x-weir-budget-warning"] = "; ".join(map(warning, trace.hold.warnings[:4]))


def used(trace: Trace) -> End:
    """What an exchange that is over has used, as far as it is known."""
    from weir.limits.admission import UNUSED
    from weir.limits.rows import Actual

    usage, cost = trace.usage, trace.cost
    if not trace.forwarded_ns:
        return UNUSED
    if usage is None or cost is None:
        return None
    if usage.source == "none":
        return UNUSED if cost.nano_usd == 0 else None
    nano = None if cost.nano_usd is None else min(cost.nano_usd, AMOUNT_MAX)
    return Actual(min(usage.input_tokens + usage.output_tokens, AMOUNT_MAX), nano)


def finish(state: State, trace: Trace) -> None:
    """An exchange is over: its hold ends, or what it used without one is charged, such as a batch's results."""
    if trace.hold is not None:
        later = trace.extra.get("usage_later")
        if later and not trace.hold.ended:
            admission_of(state).keep(trace.hold, f"{trace.service.id}:{later}")
        else:
            admission_of(state).end(trace.hold, used(trace))
    elif trace.socket is None and state.limits is not None and trace.usage is not None and trace.exchange:
        _charge(admission_of(state), trace)


def _charge(admission: Admission, trace: Trace) -> None:
    """Use that nothing was held for; of what ran in the background, whoever began it has held something."""
    from weir.limits.admission import UNUSED
    from weir.limits.rows import Actual

    assert trace.exchange
    end, reply = used(trace), trace.reply or Reply()
    key = f"{trace.service.id}:{trace.extra.get('usage_of') or reply.response_id}"
    if not isinstance(end, Actual) or not (end.tokens or end.nano_usd):
        if trace.exchange.endpoint.operation in _FETCHES and reply.finish_reason in _CAME_TO_NOTHING:
            admission.told(key, UNUSED)
        return
    if admission.told(key, end):
        return
    made, uses = Estimate(trace, 0, 0), list(_by_model(trace, reply)) or [(trace.exchange.model or reply.model, end)]
    for number, (model, use) in enumerate(uses):
        claim = made.claim(f"{trace.exchange_id}/{number}" if number else trace.exchange_id, model)
        if admission.gate.concerns(claim):
            admission.charge(claim, use)


def _by_model(trace: Trace, reply: Reply) -> Iterator[tuple[str, Actual]]:
    """What each model of a result file used: budgets may be about one of them."""
    from weir.limits.rows import Actual

    provider = trace.provider.id if trace.provider else trace.service.id
    for model, use in reply.by_model:
        nano = trace.snapshot.prices.cost(provider, model, use, datetime.now(UTC)).nano_usd
        tokens = min(use.input_tokens + use.output_tokens, AMOUNT_MAX)
        yield model, Actual(tokens, None if nano is None else min(nano, AMOUNT_MAX))
