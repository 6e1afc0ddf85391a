"""What a request may use at most: its prompt, the bound of its output, and what both cost without a cache."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from harness.rig import Rig, chat
from weir.edge.limits.estimating import BOUND_BYTES_MAX, INLINE_BYTES_MAX, INLINE_CHARS_MAX, Estimate, at_most, estimate
from weir.edge.trace import Trace
from weir.limits.budget import AMOUNT_MAX
from weir.model import Cost, Usage
from weir.usage.multimodal import MediaTokens


def read(rig: Rig, body: bytes, **more: Any) -> Trace:
    return rig.play(rig.flow(body, **more), "requestheaders", "request", until="providers")


def test_prompt_and_bound_are_added_and_priced(rig: Rig) -> None:
    made = asyncio.run(estimate(read(rig, chat("hello", max_completion_tokens=1000)), 50))
    assert 4 <= made.prompt <= 12 and made.output == 1000
    claim = made.claim("c", "gpt-5-mini")
    assert claim.nano_usd == made.prompt * 250 + 1000 * 2000  # 0.25 and 2 dollars a million
    assert (claim.tokens, claim.service, claim.model) == (made.prompt + 1000, "openai", "gpt-5-mini")
    assert made.claim("c", "model-of-nobody", ("b",)).nano_usd is None
    assert made.claim("c", "model-of-nobody", ("b",)).past == ("b",)


def test_a_long_prompt_is_counted_elsewhere(rig: Rig) -> None:
    text = "word " * INLINE_CHARS_MAX
    made = asyncio.run(estimate(read(rig, chat(text)), 50))
    assert made.prompt > INLINE_CHARS_MAX * 0.8 and made.output == 50


def test_a_cache_that_is_written_counts_at_its_own_price(rig: Rig) -> None:
    trace = read(rig, chat("hello"), host="api.anthropic.com", path="/v1/messages")
    plain = Estimate(trace, 1000, 0).claim("c", "claude-sonnet-4-5").nano_usd
    trace.body = b'{"cache_control": {"type": "ephemeral"}}'
    assert (plain, Estimate(trace, 1000, 0).claim("c", "claude-sonnet-4-5").nano_usd) == (3_000_000, 3_750_000)


def test_pictures_and_what_the_provider_keeps_are_part_of_the_prompt(rig: Rig) -> None:
    trace = read(rig, chat("hello"))
    plain = asyncio.run(estimate(trace, 50)).prompt
    trace.media = MediaTokens(tokens=765)
    assert asyncio.run(estimate(trace, 50)).prompt == plain + 765
    assert asyncio.run(estimate(trace, 50, trace.exchange, before=900)).prompt == plain + 900


@pytest.mark.parametrize("prompt", [AMOUNT_MAX, 10 * AMOUNT_MAX])
def test_a_claim_never_breaks_its_bounds(rig: Rig, prompt: int) -> None:
    claim = Estimate(read(rig, chat()), prompt, AMOUNT_MAX).claim("c", "gpt-5-mini")
    assert claim.tokens == AMOUNT_MAX and claim.nano_usd == AMOUNT_MAX


def test_what_waits_for_vocabularies_is_not_on_the_loop(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    class Loading:
        loading = True

        def count(self, text: str, model: str) -> int:
            threads.append(threading.current_thread().name)
            return 1

    trace = read(rig, chat("hello"))
    monkeypatch.setattr(trace.state, "counter", Loading())
    asyncio.run(estimate(trace, 50))
    assert threads and all(name.startswith("weir-usage") for name in threads)


def test_what_cannot_be_counted_is_not_free(rig: Rig) -> None:
    ids = json.dumps({"model": "text-embedding-3-large", "input": [list(range(100))] * 3}).encode()
    made = asyncio.run(estimate(read(rig, ids, path="/v1/embeddings"), 50))
    assert 300 <= made.prompt <= 310 and made.output == 0
    nothing = json.dumps({"model": "mistral-ocr-latest", "document": {"type": "x"}}).encode()
    made = asyncio.run(estimate(read(rig, nothing, host="api.mistral.ai", path="/v1/ocr"), 50))
    assert made.prompt >= 1


def test_a_dearer_tier_is_held_at_its_price(rig: Rig) -> None:
    usual = Estimate(read(rig, chat("hello")), 1000, 0).claim("c", "gpt-5-mini").nano_usd
    asked = Estimate(read(rig, chat("hello", service_tier="priority")), 1000, 0).claim("c", "gpt-5-mini").nano_usd
    assert usual is not None and asked is not None and asked >= usual
    trace = read(rig, chat("hello"))
    tiers: list[str] = []

    class Tiered:
        def cost(self, _provider: str, _model: str, usage: Usage, _at: object) -> Cost:
            tiers.append(usage.tier)
            return Cost(9 if usage.tier else 4)

    trace.snapshot = replace(trace.snapshot, prices=Tiered())  # type: ignore[arg-type]
    assert trace.exchange is not None
    trace.exchange = replace(trace.exchange, parameters={"speed": "fast"})
    assert Estimate(trace, 1000, 0).claim("c", "claude-opus-4-6").nano_usd == 9 and set(tiers) == {"", "fast"}


def test_a_large_body_is_measured_elsewhere(rig: Rig) -> None:
    body = chat("hello", max_completion_tokens=7, user="x" * INLINE_BYTES_MAX, max_tokens=70)
    assert asyncio.run(estimate(read(rig, body), 50)).output == 70


@pytest.mark.parametrize("text", ["hello", "größer 😀 " * 300, "word " * (BOUND_BYTES_MAX // 4)])
def test_a_bound_is_never_below_the_count_and_says_what_it_is(rig: Rig, text: str) -> None:
    trace = read(rig, chat(text, max_completion_tokens=77))
    trace.media = MediaTokens(tokens=765)
    bound, counted = asyncio.run(at_most(trace, 50)), asyncio.run(estimate(trace, 50))
    assert bound.rough and bound.claim("c", "gpt-5-mini").rough and not counted.claim("c", "gpt-5-mini").rough
    assert counted.prompt <= bound.prompt <= 5 * len(text.encode()) + 800 and bound.output == counted.output == 77
    rough, exact = bound.claim("c", "gpt-5-mini").nano_usd, counted.claim("c", "gpt-5-mini").nano_usd
    assert rough is not None and exact is not None and rough >= exact


def test_a_bound_counts_nothing_and_waits_for_no_vocabulary(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Loading:
        loading = True

        def at_most(self, text: str, model: str) -> int:
            return len(text)

    trace = read(rig, chat("word " * INLINE_CHARS_MAX))
    monkeypatch.setattr(trace.state, "counter", Loading())
    monkeypatch.setattr(trace.state, "workers", None)
    assert asyncio.run(at_most(trace, 50)).prompt > INLINE_CHARS_MAX
