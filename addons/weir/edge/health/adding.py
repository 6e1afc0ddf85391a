"""The numbers of several workers as those of one weir: counts are added up, what is measured is told of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

__all__ = ["added"]

_COUNTED = frozenset({"counter", "histogram"})
_MEASURED = frozenset({"gauge", "info", "unknown"})
_Labels = tuple[tuple[str, str], ...]


def added(workers: Mapping[str, Sequence[Metric]], missing: Sequence[str] = ()) -> list[Metric]:
    """All families of all ``workers`` (by name, e.g. ``1``; under the empty one what workers of before had counted).

    What can't be added is told with a label ``worker``. ``weir_worker_up`` says who answered; ``missing`` are those
    that did not.
    """
    sums: dict[str, Metric] = {}
    totals: dict[str, dict[tuple[str, _Labels], float]] = {}
    for worker, families in workers.items():
        for family in families:
            whole = sums.get(family.name)
            if whole is None:
                whole = sums[family.name] = Metric(family.name, family.documentation, family.type)
                totals[family.name] = {}
            if whole.type != family.type:
                continue  # two versions side by side for a moment, during an upgrade
            if whole.type in _COUNTED and not family.name.startswith("process_"):
                of = totals[family.name]
                for one in family.samples:
                    key = (one.name, tuple(one.labels.items()))
                    of[key] = of.get(key, 0.0) + one.value
            elif whole.type in _COUNTED | _MEASURED:
                for one in family.samples:
                    whole.add_sample(one.name, {**one.labels, "worker": worker}, one.value)
    for name, of in totals.items():
        for (sample, labels), value in of.items():
            sums[name].add_sample(sample, dict(labels), value)
    up = GaugeMetricFamily("weir_worker_up", "Whether a worker has given its numbers", labels=["worker"])
    for worker in filter(None, (*workers, *missing)):
        up.add_metric([worker], 1.0 if worker in workers else 0.0)
    return [*sums.values(), up]
