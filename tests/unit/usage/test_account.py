"""Settling an exchange: reported usage wins, cut streams count what was received, nothing unknown is free."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from weir.model import NO_USAGE, Cost, Endpoint, Exchange, Reply, Segment, Usage
from weir.usage.account import LATER, settle

AT = datetime(2026, 3, 1, tzinfo=UTC)


class Words:
    """Counts words."""

    def count(self, text: str, model: str) -> int:
        return len(text.split())


class Flat:
    """One nano-dollar a token for models named priced-*."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def cost(self, provider: str, model: str, usage: Usage, at: datetime) -> Cost:
        self.asked.append((provider, model))
        if not model.startswith("priced"):
            return Cost()
        return Cost(usage.input_tokens + usage.output_tokens, f"{provider}/{model}")


def exchange(*texts: str, model: str = "priced-a", operation: str = "chat", dialect: str = "openai_chat") -> Exchange:
    segments = tuple(Segment(f"/messages/{i}/content", "user", text) for i, text in enumerate(texts))
    return Exchange(Endpoint("openai", dialect, operation), model, True, segments)


def run(exchange: Exchange, reply: Reply, *, answered: bool = True) -> tuple[Usage, Cost]:
    return settle(exchange, reply, Words(), Flat(), "openai", AT, answered=answered)


def test_reported_usage_wins() -> None:
    reported = Usage(100, 50, cache_read_tokens=30, reasoning_tokens=20, source="reported")
    usage, cost = run(exchange("one two"), Reply(usage=reported, text="a b c", complete=True))
    assert usage == reported
    assert cost == Cost(150, "openai/priced-a")


def test_a_report_without_a_source_word_is_still_reported() -> None:
    usage, _ = run(exchange("one"), Reply(usage=Usage(5, 6), complete=True))
    assert usage == Usage(5, 6, source="reported")


def test_without_a_report_both_sides_are_counted() -> None:
    usage, cost = run(exchange("one two", "three"), Reply(text="four five six", complete=True))
    assert usage == Usage(input_tokens=3 + 2 * 4 + 3, output_tokens=3, source="estimated")
    assert cost.nano_usd == 17


def test_only_the_prompt_is_counted_not_what_stands_beside_it() -> None:
    asked = exchange("one two")
    beside = (Segment("#url", "parameter", "a b c"), Segment("/model#key", "parameter", "priced-a"))
    usage, _ = run(replace(asked, segments=(*asked.segments, *beside)), Reply(text="four", complete=True))
    assert usage.input_tokens == 2 + 4 + 3
    listing = exchange(operation="models", dialect="")
    assert run(replace(listing, segments=beside), Reply(complete=True)) == (NO_USAGE, Cost(0, "no-usage"))


def test_media_count_only_where_nothing_is_reported() -> None:
    asked = exchange("one two")
    usage, _ = settle(asked, Reply(text="four", complete=True), Words(), Flat(), "openai", AT, media=700)
    assert usage == Usage(2 + 4 + 3 + 700, 1, source="estimated")
    reply = Reply(usage=Usage(5, 6), complete=True)
    assert settle(asked, reply, Words(), Flat(), "openai", AT, media=700)[0].input_tokens == 5


def test_a_cut_stream_without_a_report_counts_what_was_received() -> None:
    usage, _ = run(exchange("one"), Reply(text="got this far"))
    assert usage == Usage(input_tokens=1 + 4 + 3, output_tokens=3, source="estimated")


def test_a_cut_stream_that_reported_only_its_beginning() -> None:
    begun = Usage(1000, 1, cache_read_tokens=900, source="reported")
    usage, cost = run(exchange("one"), Reply(usage=begun, text="word " * 200))
    assert usage == Usage(1000, 200, cache_read_tokens=900, source="estimated")
    assert cost.nano_usd == 1200


def test_a_cut_stream_whose_report_is_about_right_keeps_it() -> None:
    reported = Usage(10, 100, source="reported")
    assert run(exchange("one"), Reply(usage=reported, text="word " * 110))[0] == reported


@pytest.mark.parametrize("usage", [Usage(source="reported"), NO_USAGE])
def test_a_report_of_zeros_is_no_report(usage: Usage) -> None:
    assert run(exchange("one two"), Reply(usage=usage, text="three", complete=True))[0].source == "estimated"


def test_the_models_name_in_the_reply_comes_first_then_the_requests() -> None:
    prices = Flat()
    reply = Reply(model="nowhere-listed", usage=Usage(1, 1), complete=True)
    _, cost = settle(exchange("x", model="priced-b"), reply, Words(), prices, "openai", AT)
    assert prices.asked == [("openai", "nowhere-listed"), ("openai", "priced-b")]
    assert cost.price_id == "openai/priced-b"


def test_a_model_without_a_price_keeps_its_tokens() -> None:
    usage, cost = run(exchange("x", model="house"), Reply(usage=Usage(7, 8, source="reported"), complete=True))
    assert (usage.input_tokens, usage.output_tokens) == (7, 8)
    assert cost == Cost(None, "unpriced")


def test_a_refused_request_costs_nothing() -> None:
    assert run(exchange("one two"), Reply(), answered=False) == (NO_USAGE, Cost(0, "no-usage"))


def test_listing_models_costs_nothing() -> None:
    assert run(exchange(model="", operation="models", dialect=""), Reply()) == (NO_USAGE, Cost(0, "no-usage"))


def test_what_nobody_could_count_is_unpriced_not_free() -> None:
    unparsed = exchange(operation="", dialect="")
    assert run(unparsed, Reply()) == (NO_USAGE, Cost(None, "unpriced"))
    assert run(exchange(operation="images"), Reply()) == (NO_USAGE, Cost(None, "unpriced"))


def test_embeddings_have_only_input() -> None:
    usage, _ = run(exchange("a b c", operation="embeddings"), Reply(complete=True))
    assert usage == Usage(input_tokens=10, output_tokens=0, source="estimated")


@pytest.mark.parametrize("operation", ["count_tokens", "files", "batches", "read"])
def test_what_asks_no_model_costs_nothing(operation: str) -> None:
    assert run(exchange("one two", operation=operation), Reply(text="three")) == (NO_USAGE, Cost(0, "no-usage"))


def test_counting_is_free_whatever_it_counts() -> None:
    counted = Reply(usage=Usage(100, source="reported"), complete=True)
    assert run(exchange("one", operation="count_tokens"), counted) == (NO_USAGE, Cost(0, "no-usage"))


def test_documents_that_a_provider_keeps_cost_nothing_and_runs_what_they_report() -> None:
    kept = exchange("one two", operation="assistants", dialect="openai_json")
    assert run(kept, Reply(complete=True)) == (NO_USAGE, Cost(0, "no-usage"))
    assert run(kept, Reply(usage=Usage(5, 6), complete=True))[1].nano_usd == 11


def test_a_response_in_the_background_says_later_what_it_used() -> None:
    asked = replace(exchange("one two"), parameters={"background": True})
    assert run(asked, Reply(finish_reason="queued")) == (NO_USAGE, LATER)
    assert run(asked, Reply(usage=Usage(5, 6), complete=True))[1].nano_usd == 11


def test_a_result_file_is_paid_model_by_model() -> None:
    reply = Reply(by_model=(("priced-a", Usage(5, 1, tier="batch")), ("priced-b", Usage(7, 2, tier="batch"))))
    usage, cost = run(exchange(operation="read"), reply)
    assert (usage.input_tokens, usage.output_tokens, usage.tier) == (12, 3, "batch")
    assert cost == Cost(15, "openai/priced-a openai/priced-b")
    unknown = Reply(by_model=(*reply.by_model, ("house", Usage(1, 1))))
    assert run(exchange(operation="read"), unknown)[1] == Cost(None, "unpriced")


def test_what_is_spoken_is_paid_by_its_characters() -> None:
    asked = replace(
        exchange(dialect="openai_audio_speech", operation="audio"),
        segments=(Segment("/input", "user", "five!"), Segment("/instructions", "system", "slowly")),
    )
    assert run(asked, Reply())[0] == Usage(source="estimated", parts=(("input_characters", 5),))


def test_seconds_are_a_report() -> None:
    reported = Usage(parts=(("audio_ms", 500),), source="reported")
    assert run(exchange("one"), Reply(usage=reported, text="a text", complete=True))[0] == reported
