"""What a request may use at most, out of its trace: its prompt counted, its output bounded, both priced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from weir.edge.trace import Trace
from weir.limits.budget import AMOUNT_MAX, Claim
from weir.limits.estimate import output_bound
from weir.model import Exchange, Usage
from weir.usage.prompt import prompt_tokens

__all__ = ["Estimate", "estimate"]

INLINE_CHARS_MAX = 2_000  # tokenizing more than this leaves the event loop
TIMEOUT_S = 10.0
# A cache that is written costs more than the prompt itself, where providers let requests ask for it.
_CACHES = (b'"cache_control"', b'"cachePoint"')


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens of a prompt, and the bound of its output."""

    trace: Trace
    prompt: int
    output: int

    def claim(self, claim_id: str, model: str, past: tuple[str, ...] = ()) -> Claim:
        """What may be used at most with ``model``, at today's price; any thread may ask."""
        trace = self.trace
        tokens = min(self.prompt + self.output, AMOUNT_MAX)
        return Claim(claim_id, trace.principal, trace.service.id, model, tokens, self._nano_usd(model), past)

    def _nano_usd(self, model: str) -> int | None:
        trace = self.trace
        provider = trace.provider.id if trace.provider else trace.service.id
        written = self.prompt if any(mark in (trace.body or b"") for mark in _CACHES) else 0
        use = Usage(self.prompt, self.output, cache_write_tokens=written, source="estimated")
        cost = trace.snapshot.prices.cost(provider, model, use, datetime.now(UTC)).nano_usd
        return None if cost is None else min(cost, AMOUNT_MAX)


async def estimate(
    trace: Trace, otherwise: int, exchange: Exchange | None = None, *, before: int = 0, model: str = ""
) -> Estimate:
    """Count the prompt of ``exchange`` (the trace's own) and bound its reply, by ``otherwise`` where it does not.

    ``before`` are tokens of a conversation that the provider keeps, ``model`` the one to count for.
    """
    read = exchange or trace.exchange
    assert read
    counter, name = trace.state.counter, model or read.model
    if counter.loading or sum(len(segment.text) for segment in read.segments) > INLINE_CHARS_MAX:
        run = trace.state.workers.run
        sent = await run(prompt_tokens, read.segments, counter, name, timeout_s=TIMEOUT_S, lane="usage")
    else:
        sent = prompt_tokens(read.segments, counter, name)
    media = trace.media.tokens if exchange is None else 0
    bound = output_bound(read.endpoint.operation, read.parameters, otherwise)
    return Estimate(trace, min(sent + media + before, AMOUNT_MAX // 2), bound)
