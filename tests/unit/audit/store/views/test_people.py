from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weir.audit.record import AuditRecord, now_us

Make = Callable[..., AuditRecord]
Query = Callable[[str], list[tuple[Any, ...]]]
DAY, HOUR = 86_400_000_000, 3_600_000_000
WEDNESDAY = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC


def test_unsanctioned_models(written: Callable[..., Query], record: Make) -> None:
    bad: dict[str, Any] = {"service": "deepseek", "service_status": "unsanctioned", "request_model": "r1"}
    query = written(
        record(),
        record(**bad, input_tokens=10, req_bytes=7),
        record(**bad, input_tokens=5, user="", src_ip="10.0.0.1", action="block"),
        record(request_model="gpt-5-pro", rule_id="team-models", action="block"),
        record(request_model="", service="x", service_status="unsanctioned"),
    )
    columns = "model, service, status, exchanges, refused, users, unidentified, input_tokens, bytes_up"
    assert query(f"SELECT {columns} FROM unsanctioned_models") == [
        ("r1", "deepseek", "unsanctioned", 2, 1, 1, 1, 15, 7),
        ("gpt-5-pro", "openai", "sanctioned", 1, 1, 1, 0, None, None),
    ]


def test_exfil_volume_holds_a_day_against_the_others(written: Callable[..., Query], record: Make) -> None:
    def sent(day: int, megabytes: int, host: str = "api.openai.com", user: str = "anna") -> AuditRecord:
        return record(
            ts=WEDNESDAY + day * DAY, req_bytes=megabytes * 1_000_000, host=host, user=user, src_ip="10.0.0.9"
        )

    query = written(sent(0, 1), sent(0, 1), sent(1, 4), sent(2, 3), sent(3, 50), sent(3, 9, "new.example", ""))
    rows = query("SELECT day::VARCHAR, who, host, exchanges, bytes_up, median_bytes_up, times FROM exfil_volume")
    assert rows[:2] == [
        ("2023-11-18", "anna", "api.openai.com", 1, 50_000_000, 3_000_000, 16.7),
        ("2023-11-18", "10.0.0.9", "new.example", 1, 9_000_000, None, None),
    ]
    assert rows[-1][:6] == ("2023-11-15", "anna", "api.openai.com", 2, 2_000_000, 4_000_000)


def test_keys_in_several_hands(written: Callable[..., Query], record: Make) -> None:
    query = written(
        *(record(api_key_fp="fp1", user=user, src_ip="10.0.0.1") for user in ("anna", "ben", "anna")),
        *(record(key_id="vk-1", api_key_fp=f"fp{n}", user="carl", src_ip=f"10.0.0.{n}", app="ide") for n in (2, 3)),
        record(key_id="vk-2", src_ip="10.0.0.1"),
        record(src_ip="10.0.0.1"),
    )
    assert query("SELECT key, kind, users, addresses, who, exchanges FROM shared_key_many_users") == [
        ("fp1", "other", 2, 1, ["anna", "ben"], 3),
        ("vk-1", "virtual", 1, 2, ["carl"], 2),
    ]


def test_off_hours(written: Callable[..., Query], record: Make) -> None:
    saturday = WEDNESDAY + 3 * DAY
    query = written(
        record(ts=WEDNESDAY + 7 * HOUR, user="in time"),
        record(ts=WEDNESDAY + 20 * HOUR - 1, user="just in time"),
        record(ts=WEDNESDAY + 20 * HOUR, user="late", req_bytes=5),
        record(ts=WEDNESDAY + 22 * HOUR, user="late", req_bytes=6, service="claude"),
        record(ts=WEDNESDAY + 7 * HOUR - 1, user="", app="bot"),
        record(ts=saturday + 12 * HOUR, user="weekend"),
    )
    columns = "day::VARCHAR, who, exchanges, bytes_up, services"
    assert query(f"SELECT {columns} FROM off_hours") == query(f"SELECT {columns} FROM off_hours()")
    assert query(f"SELECT {columns} FROM off_hours") == [
        ("2023-11-18", "weekend", 1, None, ["openai"]),
        ("2023-11-15", "late", 2, 11, ["claude", "openai"]),
        ("2023-11-15", "bot", 1, None, ["openai"]),
    ]
    assert query("SELECT who FROM off_hours(weekend := false, begin_hour := 6)") == [("late",)]
    # At 20:00 UTC it is 01:45 the next day in Kathmandu, whose hours begin on a quarter.
    there = query(f"SELECT {columns} FROM off_hours(zone := 'Asia/Kathmandu', weekend := false) ORDER BY who")
    assert there == [
        ("2023-11-16", "just in time", 1, None, ["openai"]),
        ("2023-11-16", "late", 2, 11, ["claude", "openai"]),
    ]


def test_new_destinations(written: Callable[..., Query], record: Make) -> None:
    now = now_us()
    query = written(
        record(ts=now - 40 * DAY, host="old.example"),
        record(ts=now - DAY, host="old.example"),
        record(ts=now - 10 * DAY, host="ten.example", service="", service_status=""),
        record(ts=now - 2 * DAY, host="new.example", user="ben", req_bytes=4),
        record(ts=now - DAY, host="new.example", user="", src_ip="10.0.0.1"),
    )
    columns = "host, status, exchanges, users, unidentified, first_used_by, bytes_up"
    assert query(f"SELECT {columns} FROM new_destinations") == [("new.example", "sanctioned", 2, 1, 1, "ben", 4)]
    assert query("SELECT host FROM new_destinations()") == [("new.example",)]
    assert query("SELECT host, status FROM new_destinations(30)") == [
        ("new.example", "sanctioned"), ("ten.example", "unknown"),
    ]  # fmt: skip
