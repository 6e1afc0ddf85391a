"""The numbers of one process as families of a metrics library. No label but of words that are fixed or the policy's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector

from weir.edge.health.counts import Counts, Slots
from weir.edge.health.looking import Looked

__all__ = ["Figures", "families"]

_PROCESS = ProcessCollector(registry=None)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted, and what can be read off at one moment."""

    counts: Counts
    lag: Slots
    looked: Looked
    started: float = 0.0  # seconds since 1970
    info: Mapping[str, str] = field(default_factory=dict)
    ready: bool = False
    draining: bool = False
    connections: int = 0
    exchanges: int = 0
    queues: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # how much is in it, and how much may be
    healthy: Mapping[str, bool] = field(default_factory=dict)
    reloads: Mapping[str, int] = field(default_factory=dict)
    owed: int = 0


def families(figures: Figures) -> list[Metric]:
    """All families; some hundred samples, a millisecond of work."""
    counts, looked = figures.counts, figures.looked
    return [
        *_exchanges(counts),
        _histogram("weir_dlp_seconds", "Time spent looking for what must not leave, of one exchange", counts.dlp),
        _histogram("weir_added_latency_seconds", "From a request's head to its forwarding upstream", counts.added),
        _histogram("weir_loop_lag_seconds", "How late the event loop was, ten times a second", figures.lag),
        _counter("weir_audit_records", "Records given to the audit", "kind", counts.kinds),
        _counter(
            "weir_audit_untaken",
            "Records the audit did not take: what they were about was refused",
            "",
            {"": counts.untaken},
        ),
        _counter(
            "weir_services_first_seen", "AI services used for the first time", "", {"": counts.kinds["first_seen"]}
        ),
        _counter("weir_upstream_failures", "Connections to upstreams that failed", "phase", counts.upstream),
        _counter("weir_policy_reloads", "Changed policies", "result", figures.reloads),
        _gauge("weir_connections_open", "Connections of clients", figures.connections),
        _gauge("weir_exchanges_open", "Exchanges that have not ended", figures.exchanges),
        *_queues(figures.queues),
        _labelled("weir_healthy", "Whether a part of weir works now", "part", figures.healthy),
        _gauge("weir_ready", "Whether /readyz says so", figures.ready),
        _gauge("weir_draining", "Whether weir is about to end", figures.draining),
        _gauge("weir_budget_uses_owed", "Uses that the store of budgets could not take yet", figures.owed),
        *_looked(looked),
        InfoMetricFamily("weir", "Version and policy in force", value=dict(figures.info)),
        _gauge("weir_start_time_seconds", "When this process began, since 1970", figures.started),
        *_PROCESS.collect(),
    ]


def _exchanges(counts: Counts) -> list[Metric]:
    by_outcome: dict[tuple[str, str, str], int] = {}
    by_sight: dict[str, int] = {}
    for (kind, action, inspection, status), number in list(counts.ended.items()):
        outcome = (kind, action, status)
        by_outcome[outcome] = by_outcome.get(outcome, 0) + number
        by_sight[inspection] = by_sight.get(inspection, 0) + number
    ended = CounterMetricFamily(
        "weir_exchanges",
        "Exchanges and undecrypted connections that have ended, by the record that ended them",
        labels=["kind", "action", "status"],
    )
    for outcome, number in by_outcome.items():
        ended.add_metric(outcome, number)
    return [ended, _counter("weir_inspection", "The same by how far weir saw into them", "inspection", by_sight)]


def _queues(queues: Mapping[str, tuple[int, int]]) -> list[Metric]:
    depth = _labelled(
        "weir_queue_depth", "What waits or is worked on", "queue", {name: n for name, (n, _) in queues.items()}
    )
    bound = {name: most for name, (_, most) in queues.items() if most}
    return [depth, _labelled("weir_queue_max", "How much may wait there; more is refused", "queue", bound)]


def _looked(looked: Looked) -> list[Metric]:
    found: list[Metric] = []
    if looked.behind is not None:
        found.append(_gauge("weir_spool_lag_bytes", "Of the spool that is not in the store yet", looked.behind.bytes))
        found.append(_gauge("weir_spool_lag_seconds", "Age of the first such record", looked.behind.seconds))
    if looked.free_bytes is not None:
        found.append(_gauge("weir_disk_free_bytes", "Free on the disk of the spool", looked.free_bytes))
    labels = ["budget", "scope", "name", "unit", "per"]
    used = GaugeMetricFamily("weir_budget_used_ratio", "Spent and held of the account with least left", labels=labels)
    accounts = GaugeMetricFamily("weir_budget_accounts", "Accounts drawn on in this window", labels=labels)
    spent = GaugeMetricFamily("weir_budget_accounts_spent", "Those with nothing left", labels=labels)
    for one in looked.budgets:
        values = [one.id, one.scope, one.name, one.unit, one.per]
        used.add_metric(values, one.used_ratio)
        accounts.add_metric(values, one.accounts)
        spent.add_metric(values, one.spent_up)
    return [*found, used, accounts, spent]


def _counter(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label] if label else [])
    for value, number in values.items():
        family.add_metric([value] if label else [], number)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], float(number))
    return family


def _histogram(name: str, text: str, slots: Slots) -> Metric:
    counts = list(slots.counts)  # at one moment: the loop goes on counting
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, number in zip((*(f"{us / 1e6:g}" for us in slots.bounds), "+Inf"), counts, strict=True):
        total += number
        buckets.append((bound, total))
    family = HistogramMetricFamily(name, text)
    family.add_metric([], buckets, slots.sum_us / 1e6)
    return family
