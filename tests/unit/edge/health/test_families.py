"""The numbers as a scraper reads them."""

from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from weir.audit.record import AuditRecord
from weir.edge.health.behind import Behind
from weir.edge.health.counts import Counts, Slots
from weir.edge.health.families import Figures, families
from weir.edge.health.looking import BudgetUse, Looked


class _Sheet:
    def __init__(self, found: list[Metric]) -> None:
        self.found = found

    def collect(self) -> list[Metric]:
        return self.found


def _read(figures: Figures) -> dict[tuple[str, tuple[str, ...]], float]:
    text = generate_latest(_Sheet(families(figures))).decode()
    return {
        (one.name, tuple(value for _, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_every_number_is_told_once_and_right() -> None:
    counts = Counts()
    for inspection, status in (("inspected", 200), ("inspected", 200), ("partial", 500)):
        counts.take(
            AuditRecord(
                kind="response",
                action="allow",
                inspection=inspection,
                http_status=status,
                dlp_us=300,
                overhead_us=1_200,
            )
        )
    counts.take(AuditRecord(kind="block", action="block", inspection="inspected", http_status=403, dlp_us=4_000_000))
    counts.untaken = 4
    use = BudgetUse("id-1", "team", "finance", "nano_usd", "month", 0.25, 3, 1)
    looked = Looked(at=1.0, free_bytes=77, behind=Behind(5, 1.5), budgets=(use,))
    said = _read(
        Figures(
            counts, Slots((1_000,)), looked, info={"mode": "enforce"}, connections=3, exchanges=2,
            queues={"spool": (4, 100), "encrypting": (1, 0)}, healthy={"spool": False}, reloads={"taken": 2}, owed=6,
        )
    )  # fmt: skip
    for name, labels, value in (
        ("weir_exchanges_total", ("allow", "response", "2xx"), 2),
        ("weir_exchanges_total", ("allow", "response", "5xx"), 1),
        ("weir_exchanges_total", ("block", "block", "4xx"), 1),
        ("weir_inspection_total", ("inspected",), 3),
        ("weir_inspection_total", ("partial",), 1),
        ("weir_dlp_seconds_bucket", ("0.00025",), 0),
        ("weir_dlp_seconds_bucket", ("0.0005",), 3),
        ("weir_dlp_seconds_bucket", ("+Inf",), 4),
        ("weir_dlp_seconds_count", (), 4),
        ("weir_dlp_seconds_sum", (), 4.0009),
        ("weir_added_latency_seconds_count", (), 3),
        ("weir_audit_records_total", ("response",), 3),
        ("weir_audit_untaken_total", (), 4),
        ("weir_queue_depth", ("spool",), 4),
        ("weir_queue_max", ("spool",), 100),
        ("weir_healthy", ("spool",), 0),
        ("weir_policy_reloads_total", ("taken",), 2),
        ("weir_connections_open", (), 3),
        ("weir_exchanges_open", (), 2),
        ("weir_budget_uses_owed", (), 6),
        ("weir_budget_used_ratio", ("id-1", "finance", "month", "team", "nano_usd"), 0.25),
        ("weir_budget_accounts_spent", ("id-1", "finance", "month", "team", "nano_usd"), 1),
        ("weir_spool_lag_bytes", (), 5),
        ("weir_spool_lag_seconds", (), 1.5),
        ("weir_disk_free_bytes", (), 77),
        ("weir_info", ("enforce",), 1),
    ):
        assert said[name, labels] == value, name
    assert said["process_resident_memory_bytes", ()] > 0
    assert ("weir_queue_max", ("encrypting",)) not in said, "it has no bound of its own"


def test_what_is_not_known_is_not_told() -> None:
    said = _read(Figures(Counts(), Slots((1,)), Looked()))
    assert not [name for name, _ in said if name.startswith(("weir_spool_lag", "weir_disk", "weir_budget_used"))]
    assert said["weir_ready", ()] == 0
