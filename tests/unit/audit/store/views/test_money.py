from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weir.audit.record import AuditRecord, now_us

Make = Callable[..., AuditRecord]
Query = Callable[[str], list[tuple[Any, ...]]]
DAY = 86_400_000_000
NOON = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC


def test_costs(written: Callable[..., Query], record: Make) -> None:
    spent: dict[str, Any] = {"usage_source": "reported", "input_tokens": 10, "output_tokens": 2}
    query = written(
        record(ts=NOON, cost_nano=1_500_000_000, **spent),
        record(ts=NOON + DAY, cost_nano=1, **spent),
        record(ts=NOON, **{**spent, "usage_source": "estimated"}),
        record(ts=NOON, usage_source="none", cost_nano=None),
        record(ts=NOON, team="lab", request_model="own", **spent),
    )
    by_day = query(
        "SELECT day::VARCHAR, team, exchanges, input_tokens, cost_usd, unpriced FROM cost_by_team_day ORDER BY 1, 2"
    )
    assert by_day == [
        ("2023-11-15", "finance", 2, 20, 1.5, 1),
        ("2023-11-15", "lab", 1, 10, None, 1),
        ("2023-11-16", "finance", 1, 10, 0.0, 0),
    ]
    assert query("SELECT service, model, exchanges, cost_usd, unpriced, estimated FROM cost_by_model ORDER BY 2") == [
        ("openai", "gpt-5", 3, 1.5, 1, 1),
        ("openai", "own", 1, None, 1, 0),
    ]


def test_top_spenders(written: Callable[..., Query], record: Make) -> None:
    now, spent = now_us(), {"usage_source": "reported", "input_tokens": 10}
    query = written(
        record(ts=now, cost_nano=3_000_000_000, **spent),
        record(ts=now - 40 * DAY, cost_nano=3_000_000_000, **spent),
        record(ts=now, cost_nano=2_000_000_000, user="", app="bot", **spent),
        record(ts=now, user="", src_ip="10.0.0.9", **spent),
        record(ts=now, usage_source="none", cost_nano=9),
    )
    columns = "who, team, exchanges, input_tokens, cost_usd, unpriced, share_pct, last_30_days_usd"
    assert query(f"SELECT {columns} FROM top_spenders") == [
        ("anna", "finance", 2, 20, 6.0, 0, 75.0, 3.0),
        ("bot", "finance", 1, 10, 2.0, 0, 25.0, 2.0),
        ("10.0.0.9", "finance", 1, 10, None, 1, None, None),
    ]


def test_cache_savings(written: Callable[..., Query], record: Make) -> None:
    used = {"usage_source": "reported", "input_tokens": 100, "cost_nano": 1_000_000_000}
    query = written(
        record(**used, cache_read_tokens=80, cache_saved_nano=3_000_000_000),
        record(**used, cache_write_tokens=50, cache_saved_nano=-500_000_000),
        record(**used, cache_read_tokens=20),
        record(**used),
        record(**used, request_model="own", cache_read_tokens=1),
        record(**{**used, "usage_source": "estimated"}, cache_saved_nano=1),
    )
    columns = "model, exchanges, cache_read_tokens, cache_write_tokens, read_pct, cost_usd, saved_usd, not_known"
    assert query(f"SELECT {columns} FROM cache_savings") == [
        ("gpt-5", 4, 100, 50, 25.0, 4.0, 2.5, 1),
        ("own", 1, 1, None, 1.0, 1.0, None, 1),
    ]


def test_cost_spikes(written: Callable[..., Query], record: Make) -> None:
    def spent(day: int, dollars: float, user: str = "anna") -> AuditRecord:
        return record(ts=NOON + day * DAY, cost_nano=int(dollars * 1e9), user=user)

    usual = [spent(day, 2.0 + day / 10) for day in range(8)]
    bens = [spent(day, dollars, "ben") for day, dollars in ((0, 0.3), (4, 0.9), (8, 2.0), (9, 1.7))]
    query = written(*usual, spent(8, 3.0), spent(8, 6.0), spent(9, 4.9), spent(20, 2.0), spent(20, 10.0, "carl"), *bens)
    rows = query("SELECT day::VARCHAR, who, exchanges, cost_usd, median_usd, times FROM cost_spikes")
    assert rows == [
        ("2023-12-05", "carl", 1, 10.0, None, None),
        ("2023-11-23", "anna", 2, 9.0, 2.4, 3.8),
        ("2023-11-23", "ben", 1, 2.0, 0.9, 2.2),
    ]
