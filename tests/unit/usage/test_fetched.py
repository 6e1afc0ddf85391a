"""Usage of an earlier request: whose it is, and that it counts once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from weir.model import Cost, Endpoint, Exchange, Reply, Usage
from weir.usage.fetched import Settled, Target, account, is_later, is_slow
from weir.usage.later import Later

USED = Usage(100, 10, source="reported")
NOTHING = Cost(0, "no-usage")


class Words:
    """Counts words."""

    def count(self, text: str, model: str) -> int:
        return len(text.split())


class Flat:
    """One nano-dollar a token."""

    def cost(self, provider: str, model: str, usage: Usage, at: datetime) -> Cost:
        return Cost(usage.input_tokens + usage.output_tokens, f"{provider}/{model}")


@pytest.fixture
def settled(tmp_path: Path) -> Callable[..., Settled]:
    def run(exchange: Exchange, reply: Reply, path: str = "/", status: int = 200, *, whole: bool = True) -> Settled:
        target = Target("openai", path, status, whole=whole)
        return account(exchange, reply, target, Words(), Flat(), Later(tmp_path / "later.db"))

    return run


def asked(*, background: bool = True) -> Exchange:
    endpoint = Endpoint("openai", "openai_responses", "responses", "/v1/responses")
    return Exchange(endpoint, "m", False, parameters={"background": background})


def read(dialect: str = "openai_responses", template: str = "/v1/responses/{id}") -> Exchange:
    return Exchange(Endpoint("openai", dialect, "read", template), "", False)


QUEUED = Reply(model="m", response_id="resp_1", finish_reason="queued")
DONE = Reply(model="m", response_id="resp_1", usage=USED, complete=True)


def test_a_response_in_the_background_is_counted_when_it_is_fetched(settled: Callable[..., Settled]) -> None:
    usage, cost, extra = settled(asked(), QUEUED)
    assert (usage.source, cost.price_id, extra) == ("none", "usage-later", {"usage_later": "resp_1"})
    assert settled(read(), QUEUED, "/v1/responses/resp_1")[1] == NOTHING
    usage, cost, extra = settled(read(), DONE, "/v1/responses/resp_1?stream=true")
    assert (usage, cost.nano_usd, extra) == (USED, 110, {"usage_of": "resp_1"})
    for _ in range(2):
        usage, cost, extra = settled(read(), DONE, "/v1/responses/resp_1")
        assert (usage.source, cost, extra) == ("none", NOTHING, {"usage_counted_before": "resp_1"})


def test_what_was_counted_when_it_was_made_is_not_counted_again(settled: Callable[..., Settled]) -> None:
    assert settled(asked(background=False), DONE)[0] == USED
    assert settled(asked(), DONE)[0] == USED  # a stream that was followed to its end
    assert settled(read(), DONE, "/v1/responses/resp_1")[1] == NOTHING


def test_a_result_file_counts_once_and_only_when_it_came_whole(settled: Callable[..., Settled]) -> None:
    file, reply = read("openai_results", "/v1/files/{id}/content"), Reply(by_model=(("m", USED),))
    path = "/v1/files/file-1/content"
    assert settled(file, reply, path, whole=False)[1] == NOTHING
    assert settled(file, reply, path, 206)[1] == NOTHING
    assert settled(file, reply, path)[1].nano_usd == 110
    assert settled(file, reply, path)[1] == NOTHING
    assert settled(file, reply, "/v1/files/file-2/content")[1].nano_usd == 110


def test_a_batch_and_its_result_file_are_the_same_usage(settled: Callable[..., Settled]) -> None:
    batch = Reply(response_id="batch_1", by_model=(("m", USED),), usage_of="file-1")
    assert settled(read("openai_batches", "/v1/batches/{id}"), batch, "/v1/batches/batch_1")[2] == {
        "usage_of": "file-1"
    }
    file = read("openai_results", "/openai/v1/files/{id}/content")
    assert settled(file, Reply(by_model=(("m", USED),)), "/openai/v1/files/file-1/content")[1] == NOTHING


@pytest.mark.parametrize("path", ["/v1/responses/" + "x" * 200, "/v1/responses/a%20b", "/", "//"])
def test_a_path_without_a_plain_id_counts_nothing(settled: Callable[..., Settled], path: str) -> None:
    assert settled(read(), Reply(usage=USED), path)[1:] == (NOTHING, {})


def test_refused_and_other_requests_go_the_usual_way(settled: Callable[..., Settled]) -> None:
    assert settled(asked(), Reply(response_id="resp_1"), status=400)[1:] == (NOTHING, {})
    assert settled(asked(background=False), Reply(usage=USED, complete=True))[0] == USED


def test_what_is_slow() -> None:
    assert is_later(asked(), QUEUED) and not is_later(asked(), DONE) and not is_later(asked(), Reply())
    assert is_slow(read(), DONE, 1000) and is_slow(asked(background=False), Reply(text="x" * 1001), 1000)
    assert not is_slow(asked(background=False), Reply(text="x" * 9000, usage=USED, complete=True), 1000)
    assert is_slow(asked(background=False), Reply(text="x" * 9000, usage=USED), 1000), "it was cut, and is counted"


@pytest.mark.parametrize(
    ("dialect", "template"),
    [("replicate", "/v1/predictions/{id}"), ("gemini_interactions", "/v1beta/interactions/{id}")],
)
def test_other_services_make_things_in_the_background_too(
    dialect: str, template: str, settled: Callable[..., Settled]
) -> None:
    path = template.replace("{id}", "resp_1")
    polled = replace(read(dialect, template), endpoint=Endpoint("openai", dialect, "poll", template))
    assert is_later(polled, DONE)
    assert settled(read(dialect, template), DONE, path)[1] == NOTHING  # it was made elsewhere, or counted when made
    made = Exchange(Endpoint("openai", dialect, "predict"), "m", False, parameters={"background": True})
    assert settled(made, QUEUED)[1].price_id == "usage-later"
    assert settled(read(dialect, template), DONE, path)[0] == USED
    assert settled(read(dialect, template), DONE, path)[1] == NOTHING
