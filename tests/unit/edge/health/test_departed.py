"""A worker that is replaced takes nothing out of the sums."""

from __future__ import annotations

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from weir.edge.health import departed as module
from weir.edge.health.adding import added
from weir.edge.health.departed import BOOT, KEEP, Departed, counted


def _worker(boot: float, requests: int) -> list[Metric]:
    return [
        CounterMetricFamily("weir_exchanges", "text", value=requests),
        CounterMetricFamily("process_cpu_seconds", "text", value=requests),
        GaugeMetricFamily("weir_queue", "text", value=requests),
        GaugeMetricFamily(BOOT, "text", value=boot),
    ]


def _sum(departed: Departed, told: dict[str, list[Metric]]) -> tuple[float, int]:
    found = added(departed.with_those_gone(told))
    whole = next(family for family in found if family.name == "weir_exchanges")
    queues = next((family.samples for family in found if family.name == "weir_queue"), [])
    return whole.samples[0].value, len(queues)


def test_what_was_counted_stays() -> None:
    departed = Departed()
    assert departed.with_those_gone({}) == {}
    assert _sum(departed, {"1": _worker(1, 10), "2": _worker(2, 5)}) == (15, 2)
    assert _sum(departed, {"1": _worker(1, 12), "2": _worker(2, 6)}) == (18, 2), "counted once only"
    assert _sum(departed, {"1": _worker(1, 12)}) == (18, 1), "one that is silent for a moment"
    assert _sum(departed, {"1": _worker(1, 12), "2": _worker(3, 1)}) == (19, 2), "another in its place"
    assert _sum(departed, {"2": _worker(3, 2)}) == (20, 1), "one that is no more"
    assert _sum(departed, {"2": _worker(3, 2), "7": _worker(9, 1)}) == (21, 2)


def test_what_a_leaving_worker_reports_counts_once_in_any_order() -> None:
    departed = Departed()
    assert _sum(departed, {"1": _worker(1, 10)}) == (10, 1)
    departed.take("1", counted(_worker(1, 14)))  # its last report, which nobody asked for
    departed.take("1", counted(_worker(2, 3)))
    departed.take("1", counted(_worker(1, 13)))  # an older one comes late
    assert _sum(departed, {"1": _worker(2, 3)}) == (17, 1)
    assert _sum(departed, {"1": _worker(2, 2)}) == (17, 1), "an answer that was made before the last report"
    assert _sum(departed, {}) == (17, 0)


def test_many_that_come_and_go_stay_in_the_sum_and_cost_no_memory() -> None:
    departed = Departed()
    for boot in range(1, 3 * module._ENDED_MAX):
        departed.take("1", counted(_worker(boot, 1)))
    assert len(departed._by_seat["1"]) == KEEP and len(departed._ended) == module._ENDED_MAX
    assert _sum(departed, {}) == (3 * module._ENDED_MAX - 1, 0)
    departed.take("1", counted(_worker(3 * module._ENDED_MAX - KEEP - 1, 1)))
    assert _sum(departed, {}) == (3 * module._ENDED_MAX - 1, 0), "it is in the sum already"


def test_what_is_measured_is_not_reported() -> None:
    assert [family.name for family in counted(_worker(1, 1))] == ["weir_exchanges", BOOT]
