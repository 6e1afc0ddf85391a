from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weir.audit.record import AuditRecord, new_event_id

Make = Callable[..., AuditRecord]
Query = Callable[[str], list[tuple[Any, ...]]]
DAY = 86_400_000_000
NOON = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC


def test_an_exchange_joins_its_records(written: Callable[..., Query], record: Make) -> None:
    one = new_event_id()
    ask = record(
        exchange_id=one, kind="request", ts=NOON, req_bytes=100, input_tokens=None, reason="asked", app="cli",
    )  # fmt: skip
    reply = record(
        exchange_id=one, kind="response", ts=NOON, ts_end=NOON + 5_000_000, http_status=200, output_tokens=7,
        reason="answered", app="",
    )  # fmt: skip
    query = written(ask, reply)
    names = "kind, started::VARCHAR, ended::VARCHAR, req_bytes, http_status, output_tokens, reason, app"
    assert query(f"SELECT {names} FROM exchanges") == [
        ("response", "2023-11-15 00:00:00", "2023-11-15 00:00:05", 100, 200, 7, "answered", "cli")
    ]
    ids = query("SELECT request_event_id::VARCHAR, response_event_id::VARCHAR FROM exchanges")
    assert ids == [(ask.event_id, reply.event_id)]


def test_an_exchange_under_way_is_visible(written: Callable[..., Query], record: Make) -> None:
    query = written(record(kind="request", http_status=None))
    assert query("SELECT kind, ended, http_status, response_event_id FROM exchanges") == [("request", None, None, None)]


@pytest.mark.parametrize("kind", ["block", "meter", "error", "response"])
def test_a_record_without_a_request_is_an_exchange_too(written: Callable[..., Query], record: Make, kind: str) -> None:
    query = written(record(kind=kind, ts_end=NOON + DAY))
    assert query("SELECT kind, ended IS NOT NULL FROM exchanges") == [(kind, True)]


def test_a_discovery_adds_to_its_exchange_and_gaps_are_none(written: Callable[..., Query], record: Make) -> None:
    one = new_event_id()
    query = written(
        record(kind="request", exchange_id=one),
        record(kind="response", exchange_id=one, http_status=200),
        record(kind="discovered", exchange_id=one),
        *(record(kind=kind) for kind in ("gap", "config", "erasure")),
    )
    assert query("SELECT kind, http_status FROM exchanges") == [("response", 200)]
    assert query("SELECT count(*) FROM events") == [(6,)]


def test_turns_of_an_open_socket_add_up_until_its_last_record(written: Callable[..., Query], record: Make) -> None:
    one = new_event_id()
    ask = record(exchange_id=one, kind="request", input_tokens=None, output_tokens=None, cost_nano=None)
    turns = [
        record(exchange_id=one, kind="turn", input_tokens=tokens, output_tokens=1, cost_nano=tokens * 10)
        for tokens in (30, 40)
    ]
    query = written(ask, *turns)
    text = "SELECT kind, ended, input_tokens, output_tokens, cost_nano FROM exchanges"
    assert query(text) == [("request", None, 70, 2, 700)]
    query = written(record(exchange_id=one, kind="response", input_tokens=75, output_tokens=3, cost_nano=750))
    assert [row[2:] for row in query(text)] == [(75, 3, 750)]
