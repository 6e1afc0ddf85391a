"""Which AI services are in use, by what weir saw and by what logs showed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weir.audit.record import AuditRecord

Make = Callable[..., AuditRecord]
Query = Callable[[str], list[tuple[Any, ...]]]
NOON = 1_700_049_600_000_000  # 2023-11-15 12:00 UTC
HOUR = 3_600_000_000


def of_log(record: Make, requests: int, **given: Any) -> AuditRecord:
    """A row out of a Squid log."""
    extra = f'{{"source":"squid","requests":{requests},"import":"ab"}}'
    values = {
        "kind": "discovered",
        "inspection": "",
        "request_model": "",
        "extra": extra,
        "ts": NOON,
        "ts_end": NOON + HOUR,
    }
    return record(**{**values, "service": "deepseek", "service_status": "unsanctioned", "host": "d.example", **given})


def test_a_log_row_has_the_time_of_its_last_line(written: Callable[..., Query], record: Make) -> None:
    query = written(of_log(record, 3))
    assert query("SELECT kind, epoch_us(started), epoch_us(ended) FROM exchanges") == [
        ("discovered", NOON, NOON + HOUR)
    ]


def test_an_open_exchange_stays_open_beside_a_discovery(written: Callable[..., Query], record: Make) -> None:
    first = record(kind="request", ts=NOON)
    query = written(first, record(kind="discovered", exchange_id=first.exchange_id, ts=NOON, ts_end=NOON + 1))
    assert query("SELECT kind, ended FROM exchanges") == [("request", None)]


def test_discovered_services_join_what_weir_saw_and_what_logs_showed(
    written: Callable[..., Query], record: Make
) -> None:
    live = {"service": "deepseek", "service_status": "unsanctioned", "host": "d.example", "inspection": "metered"}
    query = written(
        record(ts=NOON),
        record(**live, ts=NOON - HOUR, req_bytes=5, user="ben"),
        of_log(record, 7, req_bytes=100, resp_bytes=1),
        of_log(record, 2, req_bytes=None, user="", action="block", host="e.example"),
        record(kind="meter", host="shop.example", service="", service_status="", inspection="metered"),
    )
    columns = """service, status, hosts, requests, exchanges, users, unidentified, blocked, bytes_up, sources,
        inspection, epoch_us(last_seen) - epoch_us(first_seen)"""
    rows = query(f"SELECT {columns} FROM discovered_services")
    assert rows == [
        ("deepseek", "unsanctioned", ["d.example", "e.example"], 10, 1, 2, 2, 2, 105, ["live", "squid"], ["metered"],
         2 * HOUR),
        ("openai", "sanctioned", ["api.openai.com"], 1, 1, 1, 0, 0, None, ["live"], ["inspected"], 0),
    ]  # fmt: skip
    later = "FROM discovered_services(since := TIMESTAMP '2023-11-15 12:00:00')"
    assert query(f"SELECT service, requests, sources {later}") == [
        ("deepseek", 9, ["squid"]),
        ("openai", 1, ["live"]),
    ]


def test_services_first_seen(written: Callable[..., Query], record: Make) -> None:
    query = written(
        record(ts=NOON + HOUR, user="ben"), record(ts=NOON - HOUR),
        of_log(record, 1, user="", src_ip="10.0.0.9", device=""), of_log(record, 1, ts=NOON + 5, user="carl"),
    )  # fmt: skip
    assert query("SELECT service, epoch_us(first_seen), first_used_by, sources FROM services_first_seen") == [
        ("deepseek", NOON, "10.0.0.9", ["squid"]),
        ("openai", NOON - HOUR, "anna", ["live"]),
    ]


def test_a_log_row_is_no_exchange_where_exchanges_are_counted(written: Callable[..., Query], record: Make) -> None:
    query = written(of_log(record, 9, req_bytes=1_000, ts=NOON + 10 * HOUR, action="block"))
    assert query("SELECT exchanges, requests, sources, bytes_up FROM new_destinations(100_000)") == [
        (0, 9, ["squid"], 1_000)
    ]
    assert query("SELECT exchanges, bytes_up, source FROM exfil_volume") == [(0, 1_000, "log")]
    for view in ("off_hours", "uninspected", "blocked_by_rule", "focus", "cost_by_team_day", "unsanctioned_models"):
        assert query(f"FROM {view}") == [], view
    assert len(query("FROM subject_records('anna')")) == 1


def test_the_same_bytes_seen_twice_are_not_summed_up(written: Callable[..., Query], record: Make) -> None:
    query = written(record(ts=NOON, host="d.example", req_bytes=10), of_log(record, 1, req_bytes=12))
    assert sorted(query("SELECT bytes_up, source FROM exfil_volume")) == [(10, "live"), (12, "log")]


def test_shadow_ai_hosts(written: Callable[..., Query], record: Make) -> None:
    query = written(
        record(),
        record(host="chat.deepseek.com", service="deepseek", service_status="unsanctioned", req_bytes=10),
        record(host="chat.deepseek.com", service="deepseek", service_status="unsanctioned", req_bytes=5, user="ben"),
        record(
            host="ai.example",
            service="",
            service_status="unknown",
            user="",
            src_ip="10.0.0.1",
            extra='{"discovered":"true"}',
        ),
        record(kind="meter", host="claude.ai", service="claude", service_status="", inspection="metered"),
        record(kind="meter", host="shop.example", service="", service_status="", inspection="metered"),
    )
    rows = query(
        "SELECT host, status, discovered, exchanges, users, unidentified, bytes_up FROM shadow_ai_hosts ORDER BY host"
    )
    assert rows == [
        ("ai.example", "unknown", True, 1, 0, 1, None),
        ("chat.deepseek.com", "unsanctioned", False, 2, 2, 0, 15),
        ("claude.ai", "unknown", False, 1, 1, 0, None),
    ]
