"""Several workers' numbers as one: counts are added up, what is measured stands beside each other."""

from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from weir.edge.health.adding import added


def _worker(requests: int, blocked: int, queue: int) -> list[Metric]:
    counter = CounterMetricFamily("weir_exchanges", "text", labels=["kind"])
    counter.add_metric(["response"], requests)
    if blocked:
        counter.add_metric(["block"], blocked)
    histogram = HistogramMetricFamily("weir_dlp_seconds", "text")
    histogram.add_metric([], [("0.1", requests - 1), ("+Inf", requests)], 0.5)
    cpu = CounterMetricFamily("process_cpu_seconds", "text", value=1.5)
    return [counter, histogram, GaugeMetricFamily("weir_queue", "text", value=queue), cpu]


class _Sheet:
    def __init__(self, found: list[Metric]) -> None:
        self.found = found

    def collect(self) -> list[Metric]:
        return self.found


def test_counts_are_added_and_measures_named() -> None:
    lines = generate_latest(_Sheet(added({"1": _worker(5, 0, 7), "2": _worker(3, 2, 9)}, ["3"]))).decode().split("\n")
    said = [line for line in lines if line and not line.startswith("#")]
    assert said == [
        'weir_exchanges_total{kind="response"} 8.0',
        'weir_exchanges_total{kind="block"} 2.0',
        'weir_dlp_seconds_bucket{le="0.1"} 6.0',
        'weir_dlp_seconds_bucket{le="+Inf"} 8.0',
        "weir_dlp_seconds_count 8.0",
        "weir_dlp_seconds_sum 1.0",
        'weir_queue{worker="1"} 7.0',
        'weir_queue{worker="2"} 9.0',
        'process_cpu_seconds_total{worker="1"} 1.5',
        'process_cpu_seconds_total{worker="2"} 1.5',
        'weir_worker_up{worker="1"} 1.0',
        'weir_worker_up{worker="2"} 1.0',
        'weir_worker_up{worker="3"} 0.0',
    ]


def test_a_family_that_another_version_means_otherwise_is_left_out() -> None:
    other = GaugeMetricFamily("weir_exchanges", "text", value=99)
    found = added({"1": _worker(5, 0, 7), "2": [other]})
    counted = next(family for family in found if family.name == "weir_exchanges")
    assert [one.value for one in counted.samples] == [5.0]
    assert [one.labels["worker"] for one in found[-1].samples] == ["1", "2"]
    assert added({})[-1].samples == []
