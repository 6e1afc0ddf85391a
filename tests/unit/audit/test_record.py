from __future__ import annotations

import dataclasses
import uuid

import pytest

from weir.audit.record import EVENT_COLUMNS, KINDS, PARENT_COLUMNS, TABLES, AuditRecord, new_event_id

SCHEMA = """event_id proxy_id boot_id seq schema_version kind ts ts_end flow_id session_id conversation_id
    user auth_method team app device src_ip process_name api_key_fp user_groups
    host method path_template provider service service_status operation request_model response_model response_id
    http_status stream inspection input_tokens output_tokens cache_read_tokens cache_write_tokens reasoning_tokens
    usage_source cost_nano price_id duration_us ttft_us overhead_us req_bytes resp_bytes dlp_us dlp_chars
    mode verdict action rule_id policy_hash reason content_ct_hash prev_hash row_hash extra exchange_id"""


@pytest.mark.parametrize("table", list(TABLES))
def test_column_numbers_and_names_are_unique_and_leave_room_for_the_hidden_batch(table: str) -> None:
    columns = TABLES[table]
    assert len({c.number for c in columns}) == len(columns)
    assert len({c.name for c in columns}) == len(columns)
    assert all(0 < c.number < 9_999 for c in columns)


def test_numbers_that_files_were_written_with_never_change() -> None:
    numbers = {c.name: c.number for c in EVENT_COLUMNS}
    known = {"event_id": 1, "exchange_id": 2, "seq": 5, "ts": 6, "user": 40, "host": 60, "cost_nano": 96, "action": 132}
    assert {name: numbers[name] for name in known} == known


def test_child_rows_repeat_which_event_they_belong_to() -> None:
    assert [c.name for c in PARENT_COLUMNS] == ["event_id", "exchange_id", "proxy_id", "boot_id", "seq", "ts"]


def test_every_column_of_the_schema_is_there() -> None:
    assert set(SCHEMA.split()) <= {c.name for c in EVENT_COLUMNS}


def test_no_column_can_hold_content() -> None:
    names = {c.name for columns in TABLES.values() for c in columns}
    assert not names & {"text", "prompt", "body", "content", "match", "value", "arguments", "headers", "url", "query"}


def test_a_record_needs_nothing_and_cannot_be_changed() -> None:
    record = AuditRecord(kind="gap")
    assert record.kind in KINDS
    assert record.cost_nano is None and record.findings == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.kind = "x"  # type: ignore[misc]


def test_event_ids_are_uuid7_and_sort_by_time() -> None:
    ids = [new_event_id() for _ in range(500)]
    parsed = [uuid.UUID(i) for i in ids]
    assert len(set(ids)) == 500
    assert all((p.int >> 76) & 0xF == 7 and p.variant == uuid.RFC_4122 for p in parsed)
    stamps = [p.int >> 80 for p in parsed]
    assert stamps == sorted(stamps)
    assert [str(p) for p in parsed] == ids
