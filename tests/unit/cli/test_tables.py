"""Cells of every type DuckDB has, in every format."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from weir.cli.tables import plain, show
from weir.reports.table import Table

EAST = timezone(timedelta(hours=2))
MIXED = Table(
    "Mixed",
    ("a", "b", "a", "c_d"),
    (
        (uuid.UUID(int=1), datetime(2026, 1, 1, 12, 0, 5, tzinfo=EAST), float("nan"), [Decimal("1.5"), None]),
        (b"\x01", date(2026, 1, 2), Decimal("2.5"), {"k": datetime(2026, 1, 1)}),
        (timedelta(seconds=1), None, float("inf"), ""),
    ),
)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (None, None),
        (True, True),
        (7, 7),
        ("x", "x"),
        (float("nan"), None),
        (float("-inf"), None),
        (1.5, 1.5),
        (datetime(2026, 1, 1, 12, tzinfo=EAST), datetime(2026, 1, 1, 10)),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 12)),
        (uuid.UUID(int=255), "00000000-0000-0000-0000-0000000000ff"),
        (b"\x00\xff", "00ff"),
        (time(8, 30), "08:30:00"),
        ((1, [b"\x01"]), [1, ["01"]]),
        ({1: Decimal("0.5")}, {"1": 0.5}),
        ([date(2026, 1, 2), datetime(2026, 1, 2)], ["2026-01-02", "2026-01-02T00:00:00.000Z"]),
    ],
)
def test_plain(cell: object, value: object) -> None:
    assert plain(cell) == value


def test_json_is_strict_and_keeps_columns_of_one_name_apart(capsys: pytest.CaptureFixture[str]) -> None:
    show(MIXED, "json")

    def refuse(name: str) -> None:
        raise AssertionError(name)

    made = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert made["columns"] == ["a", "b", "a_2", "c_d"]
    assert made["rows"][0]["b"] == "2026-01-01T10:00:05.000Z"
    assert made["rows"][1]["c_d"] == {"k": "2026-01-01T00:00:00.000Z"}


def test_csv_has_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    show(MIXED, "csv")
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == ["a", "b", "a_2", "c_d"]
    assert len(rows) == 4


def test_people_get_the_columns_that_fit_and_are_told_of_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show(Table("T", ("first_seen", "b", "c"), ((datetime(2026, 1, 1, 8, 5), "", 3),)), "table", ("first_seen", "b"))
    said = capsys.readouterr()
    assert [line.split() for line in said.out.splitlines()] == [
        ["T"],
        ["first", "seen", "b"],
        ["2026-01-01", "08:05", "(none)"],
    ]
    assert "more columns" in said.err
    monkeypatch.setenv("COLUMNS", "200")
    show(Table("T", ("first_seen", "b", "c"), ((datetime(2026, 1, 1, 8, 5), "", 3),)), "table", ("first_seen", "b"))
    said = capsys.readouterr()
    assert said.out.splitlines()[1].split() == ["first", "seen", "b", "c"]
    assert said.out.splitlines()[2].split() == ["2026-01-01", "08:05:00", "(none)", "3"]
    assert said.err == ""


def test_people_read_no_powers_of_ten(capsys: pytest.CaptureFixture[str]) -> None:
    show(Table("T", ("usd",), ((3.7e-05,), (0.000548,), (1e-06,), (12.5,))), "table")
    assert capsys.readouterr().out.split() == ["T", "usd", "0.000037", "0.000548", "0.000001", "12.5"]
