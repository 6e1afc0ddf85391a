"""The pieces of SQL that formats are made of, on good and bad text: none raises."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.logs import sql

NOON = datetime(2026, 1, 2, 12)
CONNECTION = duckdb.connect()
CONNECTION.execute("SET TimeZone = 'UTC'")
CONNECTION.execute(sql.zoned("UTC"))


def ask(expression: str, value: str) -> object:
    row = CONNECTION.execute(f"SELECT {expression} FROM (SELECT ?::VARCHAR AS v)", [value]).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("12", 12), ("-5", None), ("1.5", None), ("-", None), ("", None), ("9" * 30, None)]
)
def test_count(text: str, number: int | None) -> None:
    assert ask(sql.count("v"), text) == number


@pytest.mark.parametrize(
    "text", ["1767355200", "1767355200.000", "1767355200000", "1767355200000000", "1767355200000000000"]
)
def test_epoch_in_any_unit(text: str) -> None:
    assert ask(sql.epoch("v"), text) == NOON


@pytest.mark.parametrize(
    "text",
    ["1e00000020", "-1e0000020", "9999999999999999", "9223372036854775807", "-", "12345", "nan000000", "inf000000"],
)
def test_no_time_is_no_error(text: str) -> None:
    ask(f"{sql.epoch('v')}::VARCHAR", text)


@pytest.mark.parametrize(
    "text", ["2026-01-02T12:00:00Z", "2026-01-02 12:00:00", "2026-01-02T14:00:00+02:00", "02/Jan/2026:13:00:00 +0100"]
)
def test_stamp(text: str) -> None:
    assert ask(sql.stamp("v", "%d/%b/%Y:%H:%M:%S %z"), text) == NOON


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("a,b,,c", ["a", "b", "", "c"]),
        ('a,"b,""c""",d', ["a", 'b,"c"', "d"]),
        ('"a", "b" ,', ["a", "b", ""]),
        ('"","x"', ["", "x"]),
        ('"","""x"",""",""', ["", '"x","', ""]),
        (' a , "b" ,"c" , d', [" a ", "b", "c", " d"]),
        ('a"b,c"d,"e, f"', ['a"b', 'c"d', "e, f"]),
        ('a,"b,c', ["a", '"b', "c"]),
    ],
)
def test_delimited(line: str, fields: list[str]) -> None:
    assert ask(sql.delimited("v"), line) == fields


def test_other_separators() -> None:
    assert ask(sql.delimited("v", "\t"), 'a\t"b\tc"') == ["a", "b\tc"]
    assert ask(sql.delimited("v", "|"), 'a|"b|c"|d') == ["a", "b|c", "d"]
    assert ask(sql.delimited("v", "\t"), '"a"\t\tx"y"\t"b"\tc') == ["a", "", 'x"y"', "b", "c"]
    assert ask(sql.delimited("v", "\t"), '"a"\t\t"b"\tc') == ["a", "", "b", "c"]
    assert ask(sql.spaced("v"), " a   b\tc ") == ["a", "b", "c"]


def test_pairs() -> None:
    made = sql.pairs("v", ["user", "host", "none"])
    line = 'xhost=no user="ann, b" host=a.example'
    assert [ask(made[name], line) for name in ("user", "host", "none")] == ["ann, b", "a.example", None]


def test_json_fields() -> None:
    expression = sql.json_fields("v", ["$.a.b", '$."id.orig"'])
    assert ask(expression, '{"a":{"b":5},"id.orig":"x"}') == ["5", "x"]
    assert ask(expression, "{torn") is None


EVERY = (
    sql.count("v"), sql.epoch("v"), sql.stamp("v", "%d/%b/%Y:%H:%M:%S %z"), sql.delimited("v"), sql.spaced("v"),
    sql.pairs("v", ["a"])["a"], sql.json_fields("v", ["$.a"]),
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
    | st.from_regex(r"[-+0-9.eE]{1,40}", fullmatch=True)
)
def test_nothing_raises(value: str) -> None:
    ask("[" + ", ".join(f"({each})::VARCHAR" for each in EVERY) + "]", value)
