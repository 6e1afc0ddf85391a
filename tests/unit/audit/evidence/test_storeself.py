from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from harness.sealedaudit import SealedAudit
from weir.audit.columns import field_ids
from weir.audit.evidence import joined, storeself
from weir.audit.evidence.compare import held_by_store, read_cursor
from weir.audit.evidence.signed import Signed
from weir.audit.evidence.storeself import StoreItself
from weir.audit.store import database as store
from weir.audit.store.tables import STORED


def look(data: Path) -> tuple[int, list[tuple[str, int | None]]]:
    signed = Signed(data)
    list(signed.found())
    with store.connect(data) as connection:
        itself = StoreItself(connection, held_by_store(connection), read_cursor(data), signed.log)
        return itself.rows, [(str(item.wrong), item.seq) for item in itself.found()]


def test_a_store_that_is_whole_without_any_spool(sealed: SealedAudit, data: Path) -> None:
    for path in (data / "spool").iterdir():
        path.unlink()
    assert look(data)[1] == []


def test_a_store_that_was_changed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storeself, "LOOKS", 1)
    monkeypatch.setattr(joined, "LOOKS", 1)
    day = next((data / "audit" / "days" / "events").glob("2*.parquet"))
    whole = day.read_bytes()
    names = field_ids(STORED["events"])
    for columns, rows, expected in (
        ('* REPLACE (CASE WHEN seq = 7 THEN \'someone\' ELSE "user" END AS "user")', "", {"edited"}),
        (
            "* REPLACE (CASE WHEN seq = 7 THEN repeat('0', 64) ELSE row_hash END AS row_hash)",
            "",
            {"edited", "rewritten"},
        ),
        ("*", "WHERE seq <> 7", {"edited", "removed"}),
    ):
        day.write_bytes(whole)
        made = day.with_name("made")
        kept = f"COPY (SELECT {columns} FROM '{day}' {rows}) TO '{made}' (FORMAT parquet, FIELD_IDS {names})"
        duckdb.connect().sql(kept)
        made.replace(day)
        found = look(data)[1]
        assert {wrong for wrong, _ in found} == expected and {seq for _, seq in found} >= {7}, found


def test_rows_that_are_not_ingested_yet_are_not_missed(sealed: SealedAudit, data: Path) -> None:
    with store.connect(data) as connection:
        held = held_by_store(connection)
        signed = Signed(data)
        list(signed.found())
        chain = next(iter(held))
        for items in signed.log.checkpoints.values():
            items.append(max(items, key=lambda item: item.size))
        assert list(StoreItself(connection, {chain: held[chain]}, None, signed.log).found()) == []


def test_what_only_one_look_shows_was_being_written(sealed: SealedAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storeself, "AGAIN_S", 0.0)
    looks = iter([{("p", "b", 7, "x"), ("p", "b", 8, "x")}, {("p", "b", 8, "x")}, {("p", "b", 8, "x")}])
    monkeypatch.setattr(StoreItself, "_problems", lambda self: next(looks))
    assert look(sealed.data.path)[1] == [("edited", 8)]
