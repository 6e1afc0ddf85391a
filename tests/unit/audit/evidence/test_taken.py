from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb

from weir.audit.evidence.taken import LEAST_US, taken
from weir.audit.spool.retired import NOTHING

DAY = 86_400_000_000


def store(rows: list[tuple[int, int]], husks: list[tuple[int, int]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name, of in (("events", rows), ("husks", husks)):
        connection.execute(f"CREATE TABLE {name} (proxy_id VARCHAR, boot_id VARCHAR, seq UBIGINT, ts TIMESTAMP)")
        for seq, ts in of:
            connection.execute(f"INSERT INTO {name} VALUES ('p', 'b', ?, make_timestamp(?))", [seq, ts])
    return connection


def look(rows: list[tuple[int, int]], husks: list[tuple[int, int]], upto: int) -> list[tuple[str, int | None]]:
    gone = {"p-b": replace(NOTHING, seq=upto), "p-never": NOTHING}
    with store(rows, husks) as connection:
        return [(item.chain, item.seq_last) for item in taken(connection, gone, 40 * DAY)]


def test_rows_that_retention_took_are_in_the_store(tmp_path: Path) -> None:
    assert look([(2, DAY), (3, DAY), (4, 40 * DAY)], [(1, DAY)], 3) == []
    with store([], []) as connection:
        assert list(taken(connection, {}, 0)) == []


def test_rows_that_are_gone_from_both() -> None:
    assert look([(2, DAY)], [(1, DAY)], 3) == [("p-b", 3)]
    assert look([], [], 3) == [("p-b", 3)]
    assert look([(1, DAY), (1, DAY), (3, DAY)], [], 3) == [("p-b", 3)], "one is there twice, one not at all"


def test_rows_that_went_too_young() -> None:
    young = 40 * DAY - LEAST_US + 1
    assert look([(1, DAY), (2, young)], [], 2) == [("p-b", 2)]
    assert look([(1, DAY), (2, young - 1)], [], 2) == []
