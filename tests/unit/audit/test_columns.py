from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import pytest

from weir.audit.columns import Column, col, columns_of, field_ids, json_columns, parquet_schema


@dataclass(frozen=True, slots=True)
class Row:
    name: str = col(1, "")
    at: int | None = col(2, None, "TIMESTAMP")
    seq: int | None = col(3, None, "UBIGINT")
    on: bool | None = col(4, None)
    tags: tuple[str, ...] = col(5, ())
    note: str = "not a column"


def test_a_field_becomes_a_column_with_the_type_of_its_annotation() -> None:
    assert [(c.name, c.number, c.sql, c.json) for c in columns_of(Row)] == [
        ("name", 1, "VARCHAR", "VARCHAR"),
        ("at", 2, "TIMESTAMP", "BIGINT"),
        ("seq", 3, "UBIGINT", "UBIGINT"),
        ("on", 4, "BOOLEAN", "BOOLEAN"),
        ("tags", 5, "VARCHAR[]", "VARCHAR[]"),
    ]
    assert Row() == Row(name="", at=None)


def test_a_type_that_cannot_be_hashed_alike_everywhere_is_refused() -> None:
    @dataclass
    class Bad:
        share: float = col(1, 0.5)

    with pytest.raises(TypeError, match="share"):
        columns_of(Bad)


@pytest.mark.parametrize(
    ("json", "good", "bad"),
    [
        ("VARCHAR", ["", "x"], [1, True, ["x"], {}]),
        ("BIGINT", [0, -1, 2**63 - 1], [True, 2**63, 1.0, "1"]),
        ("UBIGINT", [0, 7], [-1, True, "1"]),
        ("BOOLEAN", [True, False], [0, "true"]),
        ("VARCHAR[]", [[], ["a"]], ["a", [1], {}]),
    ],
)
def test_accepts_exactly_its_type_and_null(json: str, good: list[object], bad: list[object]) -> None:
    column = Column("c", 1, json, json)
    assert column.accepts(None)
    assert all(column.accepts(value) for value in good)
    assert not any(column.accepts(value) for value in bad)


def test_sql_fragments_name_every_column_and_the_hidden_batch() -> None:
    columns = columns_of(Row)
    assert json_columns(columns).startswith("{'name': 'VARCHAR', 'at': 'BIGINT'")
    assert '"tags": {__duckdb_field_id: 5, element: 10005}' in field_ids(columns)
    assert '"batch": 9999' in field_ids(columns)
    assert "2={name: at, type: TIMESTAMP, default_value: NULL}" in parquet_schema(columns)


def test_json_is_text_in_parquet_and_json_for_analysts() -> None:
    column = Column("extra", 9, "JSON", "VARCHAR")
    assert column.parquet == "VARCHAR"
    assert column.stored == 'try_cast("extra" AS JSON)::VARCHAR'
    assert column.shown == '"extra"::JSON AS "extra"'
    assert Column("user", 1, "VARCHAR", "VARCHAR").shown == '"user"'


@pytest.mark.parametrize("at", [2**63 - 1, 1 - 2**63, 253_402_300_800_000_000])
def test_a_time_that_is_none_is_no_time_and_no_error(at: int) -> None:
    stored = Column("at", 1, "TIMESTAMP", "BIGINT").stored
    assert duckdb.connect().execute(f"SELECT {stored} FROM (SELECT ?::BIGINT AS at)", [at]).fetchall() == [(None,)]
    assert duckdb.connect().execute(f"SELECT {stored} FROM (SELECT 1::BIGINT AS at)").fetchall() == [
        (datetime(1970, 1, 1, 0, 0, 0, 1),)
    ]
