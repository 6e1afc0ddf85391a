from __future__ import annotations

from weir.audit.columns import BATCH
from weir.audit.record import TABLES
from weir.audit.store.tables import LEVELS, STORED, shown


def test_every_table_of_a_record_is_stored_at_every_level() -> None:
    for tables in LEVELS.values():
        assert set(TABLES) <= set(tables) and tables[-1] == "events"


def test_numbers_of_columns_are_unique_in_a_table() -> None:
    for columns in STORED.values():
        numbers = [column.number for column in (*columns, BATCH)]
        assert len(numbers) == len(set(numbers))


def test_what_stays_of_a_row_is_its_place_in_the_chain() -> None:
    assert [column.name for column in STORED["husks"]] == ["proxy_id", "boot_id", "seq", "ts", "prev_hash", "row_hash"]


def test_json_is_shown_as_such() -> None:
    assert '"extra"::JSON AS "extra"' in shown("exchanges")
