"""What a request may use at most, out of its trace: its prompt counted, its output bounded, both priced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from weir.edge.trace import Trace
from weir.limits.budget import AMOUNT_MAX, Claim
from weir.limits.estimate import bounds, output_bound
from weir.model import Exchange, Usage
from weir.usage.prompt import Counts, prompt_tokens
from weir.usage.tokens import Counter

__all__ = ["Estimate", "at_most", "estimate"]

INLINE_CHARS_MAX = 2_000  # tokenizing more than this leaves the event loop
INLINE_BYTES_MAX = 16 * 1024  # and so does a body that is larger
BOUND_BYTES_MAX = 64 * 1024  # where nothing is counted, a larger one
TIMEOUT_S = 10.0
# A cache that is written costs more than the prompt itself, where providers let requests ask for it.
_CACHES = (b'"cache_control"', b'"cachePoint"')
_IDS = "text given as token ids"  # as a dialect says it: they stand in lists of numbers


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens of a prompt, and the bound of its output."""

    trace: Trace
    prompt: int
    output: int
    rough: bool = False  # the prompt has no more tokens than this, and may have fewer

    def claim(self, claim_id: str, model: str, past: tuple[str, ...] = ()) -> Claim:
        """What may be used at most with ``model``, at today's price; any thread may ask."""
        trace = self.trace
        tokens = min(self.prompt + self.output, AMOUNT_MAX)
        return Claim(
            claim_id, trace.principal, trace.service.id, model, tokens, self._nano_usd(model), past, self.rough
        )

    def _nano_usd(self, model: str) -> int | None:
        trace = self.trace
        provider = trace.provider.id if trace.provider else trace.service.id
        written = self.prompt if any(mark in (trace.body or b"") for mark in _CACHES) else 0
        use = Usage(self.prompt, self.output, cache_write_tokens=written, source="estimated")
        now, prices = datetime.now(UTC), trace.snapshot.prices
        tier = _tier(trace)
        uses = (use, replace(use, tier=tier)) if tier else (use,)
        found = [prices.cost(provider, model, each, now).nano_usd for each in uses]
        known = [nano for nano in found if nano is not None]
        return min(max(known), AMOUNT_MAX) if known else None


def _tier(trace: Trace) -> str:
    """The dearer tier that a request asks for; whether it gets it, its reply says."""
    asked: Mapping[str, object] = trace.exchange.parameters if trace.exchange else {}
    return "priority" if asked.get("service_tier") == "priority" else "fast" if asked.get("speed") == "fast" else ""


class _Bound:
    """A token counter's bound in place of its count."""

    def __init__(self, counter: Counter) -> None:
        self.count = counter.at_most


async def at_most(trace: Trace, otherwise: int) -> Estimate:
    """As `estimate` of the trace's own exchange, with a bound of its prompt that costs next to nothing."""
    read, raw = trace.exchange, trace.body or b""
    assert read
    counter = _Bound(trace.state.counter)
    if len(raw) > BOUND_BYTES_MAX:
        run = trace.state.workers.run
        sent, bound = await run(_measure, read, raw, counter, read.model, otherwise, timeout_s=TIMEOUT_S, lane="usage")
    else:
        sent, bound = _measure(read, raw, counter, read.model, otherwise)
    return _made(trace, sent + trace.media.tokens, bound, rough=True)


async def estimate(
    trace: Trace,
    otherwise: int,
    exchange: Exchange | None = None,
    *,
    before: int = 0,
    model: str = "",
    body: bytes | None = None,
) -> Estimate:
    """Count the prompt of ``exchange`` (the trace's own) and bound its reply, by ``otherwise`` where it does not.

    ``before`` are tokens of a conversation that the provider keeps, ``model`` the one to count for, ``body`` what
    ``exchange`` was read from.
    """
    read = exchange or trace.exchange
    assert read
    counter, name, raw = trace.state.counter, model or read.model, body if exchange else trace.body
    long = len(raw or b"") > INLINE_BYTES_MAX or sum(len(segment.text) for segment in read.segments) > INLINE_CHARS_MAX
    if counter.loading or long:
        run = trace.state.workers.run
        sent, bound = await run(_measure, read, raw or b"", counter, name, otherwise, timeout_s=TIMEOUT_S, lane="usage")
    else:
        sent, bound = _measure(read, raw or b"", counter, name, otherwise)
    media = trace.media.tokens if exchange is None else 0
    return _made(trace, sent + media + before, bound)


def _made(trace: Trace, prompt: int, bound: int, *, rough: bool = False) -> Estimate:
    # Never nothing: what weir can't count (token ids, a document's address) is not free, and an empty purse stops it.
    return Estimate(trace, max(1, min(prompt, AMOUNT_MAX // 2)), bound, rough)


def _measure(read: Exchange, body: bytes, counter: Counts, model: str, otherwise: int) -> tuple[int, int]:
    """Tokens of the prompt, and the bound of the output."""
    sent = prompt_tokens(read.segments, counter, model)
    if _IDS in read.reason:
        sent += body.count(b",") + 1
    operation = read.endpoint.operation
    return sent, output_bound(operation, {**read.parameters, **bounds(body, operation)}, otherwise)
