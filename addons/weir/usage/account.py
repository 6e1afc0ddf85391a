"""Settles one exchange: whose token counts hold, and what they cost. Pure: nothing is read, written or fetched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from weir.model import NO_USAGE, Cost, Exchange, Reply, Usage
from weir.usage.prices import NO_CHARGE, UNPRICED
from weir.usage.prompt import Counts, prompt_tokens

__all__ = ["LATER", "Counts", "Priced", "settle"]

LATER = Cost(0, "usage-later")  # a response in the background says what it used when it is fetched
# Counting is free, and so is what only keeps or fetches. What is fetched may hold the usage of an earlier request.
_COUNTS_ONLY = frozenset({"count_tokens"})
_ASKS_NO_MODEL = frozenset(
    {"batches", "cancel", "containers", "conversations", "delete", "files", "memory_stores", "models", "page", "read"}
    | {"account", "poll", "read_prediction", "skills", "telemetry", "vector_stores", "vaults"}
)
_DOCUMENTS = frozenset({"anthropic_json", "openai_json"})  # what they make the provider keep; runs report their usage
_TOOLS = "mcp."  # servers of tools; no model answers there
_SPEECH = "openai_audio_speech"

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
    operation = exchange.endpoint.operation
    if not answered or operation in _COUNTS_ONLY:
        return NO_USAGE, NO_CHARGE
    if reply.by_model:
        return _summed(reply, prices, provider, at)
    kept = operation in _ASKS_NO_MODEL or operation.startswith(_TOOLS) or exchange.endpoint.dialect in _DOCUMENTS
    if reply.usage is None and kept:
        return NO_USAGE, NO_CHARGE
    if reply.usage is None and exchange.parameters.get("background") is True:
        return NO_USAGE, LATER
    usage = _usage(exchange, reply, counter, media)
    if usage.source == "none":
        passive = bool(exchange.endpoint.operation) and not exchange.endpoint.dialect
        return usage, NO_CHARGE if passive else UNPRICED
    return usage, _cost(exchange, reply, prices, provider, usage, at)


def _summed(reply: Reply, prices: Priced, provider: str, at: datetime) -> tuple[Usage, Cost]:
    """A result file: what each model used, at its own price. One that has none leaves all of it without."""
    usage, nano, names = NO_USAGE, 0, dict[str, None]()
    for model, used in reply.by_model:
        usage = usage.plus(used)
        cost = prices.cost(provider, model, used, at)
        if cost.nano_usd is None:
            nano, names = -1, {UNPRICED.price_id: None}
        elif nano >= 0:
            nano += cost.nano_usd
            names[cost.price_id] = None
    return usage, UNPRICED if nano < 0 else Cost(nano, " ".join(names))


def _usage(exchange: Exchange, reply: Reply, counter: Counts, media: int) -> Usage:
    model = reply.model or exchange.model
    reported = reply.usage
    if reported is not None and _says_something(reported):
        said = "".join((reply.text, *reply.arguments))
        if reply.complete or not said:
            return _as(reported, reported.output_tokens, "reported")
        received = counter.count(said, model)
        if received <= reported.output_tokens * (1 + _DOUBT) + _SLACK:
            return _as(reported, reported.output_tokens, "reported")
        return _as(reported, received, "estimated")
    if exchange.endpoint.dialect == _SPEECH:
        # The reply is sound; some models are paid by the characters that they speak.
        spoken = sum(len(segment.text) for segment in exchange.segments if segment.pointer == "/input")
        return Usage(source="estimated", parts=(("input_characters", spoken),)) if spoken else NO_USAGE
    said = "".join((reply.text, *reply.arguments))
    sent, received = prompt_tokens(exchange.segments, counter, model), counter.count(said, model)
    if not sent and not received and not media:
        return NO_USAGE
    return Usage(input_tokens=sent + media, output_tokens=received, source="estimated")


def _says_something(usage: Usage) -> bool:
    """Some gateways report zeros for everything: that is no report."""
    return usage.input_tokens > 0 or usage.output_tokens > 0 or bool(usage.parts)


def _as(usage: Usage, output_tokens: int, source: str) -> Usage:
    if usage.output_tokens == output_tokens and usage.source == source:
        return usage  # as mostly
    return replace(usage, output_tokens=output_tokens, source=source)


def _cost(exchange: Exchange, reply: Reply, prices: Priced, provider: str, usage: Usage, at: datetime) -> Cost:
    """The reply knows the model best; the request's name is the second try (and all there is for a cut stream)."""
    for model in dict.fromkeys((reply.model, exchange.model)):
        if model:
            cost = prices.cost(provider, model, usage, at)
            if cost.nano_usd is not None:
                return cost
    return UNPRICED
