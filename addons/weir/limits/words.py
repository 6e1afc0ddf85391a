"""What people read about limits: whose budget it was, why it refused, when it is worth while to ask again."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from weir.limits.budget import Refused, Scope, Standing, Window
from weir.limits.rates import Limited

__all__ = ["because", "headers", "said", "warning", "whose"]

SECOND = 1_000_000
SOON_S = 5  # for what is held: requests on their way settle in seconds
_ADJECTIVES = {Window.MINUTE: "minute's", Window.HOUR: "hourly", Window.DAY: "daily", Window.MONTH: "monthly"}
_UNPRINTABLE = re.compile(r"[^ -~]")


def whose(scope: Scope, name: str) -> str:
    """``team finance``, ``the organisation``, ``callers without a team``."""
    if scope is Scope.ORG:
        return "the organisation"
    return f"{scope} {name}" if name else f"callers without a{'n' if scope is Scope.APP else ''} {scope}"


def _budget(standing: Standing) -> str:
    budget = standing.account.budget
    about = f" for {', '.join(budget.models)}" if budget.models else ""
    about += f" at {', '.join(budget.services)}" if budget.services else ""
    return f"{_ADJECTIVES[budget.per]} budget of {whose(budget.scope, standing.account.name)}{about}"


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at / SECOND, UTC):%Y-%m-%d %H:%M} UTC"


def said(refused: Refused | Limited) -> str:
    """A sentence or two for whoever sent the request: what is used up, whose it is, what can be done."""
    if isinstance(refused, Limited):
        return _too_fast(refused)
    budget, starts = _budget(refused.standing), f"It starts anew on {_moment(refused.resets_at)}."
    if refused.reason == "unpriced":
        return (
            f"The {budget} is in dollars, and nobody has told weir the price of this model. "
            "Ask whoever looks after weir, or use a model with a price."
        )
    if refused.reason == "held":
        return (
            f"What is left of the {budget} is held for requests that are on their way. "
            "Try again in some seconds, or set a lower bound of the output (max_tokens)."
        )
    if refused.reason == "too large":
        return (
            f"This request may use more than the whole {budget}: its prompt and the bound of its output (max_tokens) "
            "are counted together. Set a lower bound, or send less; waiting does not help."
        )
    if refused.standing.spent < refused.budget.amount:
        return (
            f"The {budget} has not enough left for this request: its prompt and the bound of its output (max_tokens) "
            f"are counted together. A lower bound may fit. {starts}"
        )
    return f"The {budget} is used up. {starts}"


def _too_fast(limited: Limited) -> str:
    rate = limited.rate
    name = "" if rate.scope is Scope.ORG else rate.name
    who = whose(rate.scope, name) if "*" not in name and "?" not in name else f"this {rate.scope}"
    if limited.kind == "streams":
        return f"There are {rate.streams} streams open for {who}, and no more at once. Wait until one has ended."
    most = rate.requests if limited.kind == "requests" else rate.tokens
    return f"Limit for {who}: {most} {limited.kind} a minute. Try again in {_seconds(limited.retry_after_s)} s."


def because(refused: Refused | Limited) -> str:
    """For the audit: the limit's id and the reason."""
    if isinstance(refused, Limited):
        return f"rate: {refused.kind} of {refused.rate.id}"
    return f"budget: {refused.reason}, {refused.standing.account.id}"


def _seconds(wait_s: float) -> int:
    return max(1, math.ceil(wait_s))


def headers(refused: Refused | Limited, now: int) -> dict[str, str]:
    """Header fields of the refusal at ``now`` (microseconds): when to ask again, and whether a client may by itself."""
    if isinstance(refused, Limited):
        return {"retry-after": str(_seconds(refused.retry_after_s))}
    wait = (refused.resets_at - now) / SECOND
    if refused.reason == "held":
        wait = min(wait, SOON_S)
    return {"retry-after": str(_seconds(wait)), "x-should-retry": "false"}


def warning(standing: Standing) -> str:
    """Such as ``monthly budget of team finance: 85 % used, starts anew on 2026-12-01 00:00 UTC``, for a header."""
    text = f"{_budget(standing)}: {standing.percent} % used, starts anew on {_moment(standing.account.resets_at)}"
    return _UNPRINTABLE.sub("?", text)[:300]
