from __future__ import annotations

from pathlib import Path

import duckdb

from unit.audit.evidence.boots import Boot
from weir.audit.evidence.table import checkpoints_sql, made


def rows(log: Path) -> list[tuple[object, ...]]:
    query = f"SELECT number, size, root, year(ts), boot_id, note FROM ({checkpoints_sql(log)}) ORDER BY number"
    return duckdb.connect().sql(query).fetchall()


def test_the_log_is_a_table_while_it_is_written(tmp_path: Path) -> None:
    log = made(tmp_path / "it's.jsonl")
    assert rows(log) == []
    boot = Boot()
    log.write_bytes(b"".join(boot.log) + boot.log[0][:40])
    found = rows(made(log))
    signed = boot.report.checkpoints["p-b"]
    assert [row[:3] for row in found] == [(item.number, item.size, item.root.hex()) for item in signed]
    assert {row[3:5] for row in found} == {(2026, "b")}
    assert [str(row[5]).encode() for row in found] == [note for _, note in boot.notes]
