"""What rows say, and what is never shown of them."""

from __future__ import annotations

from datetime import UTC, datetime

from weir.addresses import network
from weir.keys.virtual.record import VirtualKey
from weir.keys.virtual.rows import KEYS, Issued, columns, micros

DIGEST = "ab" * 32


def test_columns_are_those_of_the_table() -> None:
    row = columns(Issued(VirtualKey("vk-1", networks=(network("10.0.0.0/8"),), user="ada"), DIGEST))
    assert {*row, "changed"} == {column.name for column in KEYS.columns}
    assert (row["person"], row["networks"], row["services"]) == ("ada", '["10.0.0.0/8"]', "[]")


def test_a_hash_is_not_shown() -> None:
    shown = repr(Issued(VirtualKey("vk-1"), DIGEST, DIGEST))
    assert DIGEST not in shown and "vk-1" in shown


def test_times_are_microseconds() -> None:
    assert micros(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
    assert micros(None) is None
