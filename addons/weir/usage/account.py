"""Settles one exchange: whose token counts hold, and what they cost. Pure: nothing is read, written or fetched."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from weir.model import NO_USAGE, Cost, Exchange, Reply, Usage
from weir.usage.prices import NO_CHARGE, UNPRICED
from weir.usage.prompt import Counts, prompt_tokens

__all__ = ["Counts", "Priced", "settle"]

_SLACK = 3  # tokens that don't matter
_DOUBT = 0.25  # our count has to be this much above a report from a cut stream before it is believed instead


class Priced(Protocol):
    """What settling needs of a price list."""

    def cost(self, provider: str, model: str, usage: Usage, at: datetime) -> Cost:
        """The cost of ``usage``, ``Cost(None, "unpriced")`` when no price is known."""
        ...


def settle(
    exchange: Exchange,
    reply: Reply,
    counter: Counts,
    prices: Priced,
    provider: str,
    at: datetime,
    *,
    answered: bool = True,
    media: int = 0,
) -> tuple[Usage, Cost]:
    """Tokens and money of one exchange that is over, however it ended.

    Usage that the provider reported holds. Without it the request's segments and whatever text of the reply was
    received are counted. A stream that was cut before its end may have reported no more than its beginning: there
    our count of the output holds when it is clearly the larger one. ``answered`` is False when the upstream refused
    (status ≥ 400) or never replied: providers charge nothing then.
    ``provider`` is the provider's id in weir, ``at`` the time of the request, ``media`` what the request's pictures and
    sounds count where nothing is reported.
    """
    if not answered:
        return NO_USAGE, NO_CHARGE
    usage = _usage(exchange, reply, counter, media)
    if usage.source == "none":
        passive = bool(exchange.endpoint.operation) and not exchange.endpoint.dialect
        return usage, NO_CHARGE if passive else UNPRICED
    return usage, _cost(exchange, reply, prices, provider, usage, at)


def _usage(exchange: Exchange, reply: Reply, counter: Counts, media: int) -> Usage:
    model = reply.model or exchange.model
    reported = reply.usage
    if reported is not None and _says_something(reported):
        if reply.complete or not reply.text:
            return _as(reported, reported.output_tokens, "reported")
        received = counter.count(reply.text, model)
        if received <= reported.output_tokens * (1 + _DOUBT) + _SLACK:
            return _as(reported, reported.output_tokens, "reported")
        return _as(reported, received, "estimated")
    sent, received = prompt_tokens(exchange.segments, counter, model), counter.count(reply.text, model)
    if not sent and not received and not media:
        return NO_USAGE
    return Usage(input_tokens=sent + media, output_tokens=received, source="estimated")


def _says_something(usage: Usage) -> bool:
    """Some gateways report zeros for everything: that is no report."""
    return usage.input_tokens > 0 or usage.output_tokens > 0


def _as(usage: Usage, output_tokens: int, source: str) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        source=source,
    )


def _cost(exchange: Exchange, reply: Reply, prices: Priced, provider: str, usage: Usage, at: datetime) -> Cost:
    """The reply knows the model best; the request's name is the second try (and all there is for a cut stream)."""
    for model in dict.fromkeys((reply.model, exchange.model)):
        if model:
            cost = prices.cost(provider, model, usage, at)
            if cost.nano_usd is not None:
                return cost
    return UNPRICED
