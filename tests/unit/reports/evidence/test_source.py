"""The period's rows are taken whole, and the figures are those of the store's own view."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import zstandard

from harness.evidencesite import BEGIN, DAY, EMAIL, PERIOD, RECORDS, Site
from weir.audit.record import EVENT_COLUMNS
from weir.audit.store import database as store
from weir.reports.evidence.pseudonyms import Pseudonyms
from weir.reports.evidence.source import _LAST, Period, Source

INSIDE = [one for one in RECORDS if BEGIN <= (one.ts or 0) < BEGIN + 3 * DAY]


def test_a_period() -> None:
    assert str(PERIOD) == "2023-11-15T00:00:00Z to 2023-11-18T00:00:00Z"
    zone = PERIOD.since.astimezone(tz=None)
    assert Period(zone, PERIOD.until).naive == PERIOD.naive
    with pytest.raises(ValueError, match="ends before"):
        Period(PERIOD.until, PERIOD.since)


def test_both_forms_hold_the_rows_of_the_period(site: Site, tmp_path: Path) -> None:
    with Source(site.data.path, PERIOD, tmp_path / "scratch") as source:
        assert source.take(tmp_path / "records") == {"events": len(INSIDE), "findings": 1, "tool_calls": 2}
    parquet = duckdb.connect().sql(f"SELECT event_id::VARCHAR FROM '{tmp_path}/records/events.parquet'").fetchall()
    packed = (tmp_path / "records" / "events.jsonl.zst").read_bytes()
    lines = [json.loads(line) for line in zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines()]
    ids = {one.event_id for one in INSIDE}
    assert {row[0] for row in parquet} == {line["event_id"] for line in lines} == ids
    assert set(lines[0]) == {column.name for column in EVENT_COLUMNS}


def test_exchanges_are_those_of_the_view(site: Site, tmp_path: Path) -> None:
    names = ", ".join(f'"{name}"' for name in ("exchange_id", "started", "kind", "cost_nano", *_LAST))
    wide = Period(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    with Source(site.data.path, wide, tmp_path / "scratch") as source:
        source.take(tmp_path / "records")
        ours = source.table("", f"SELECT {names} FROM exchanges ORDER BY 1").rows
    with store.connect(site.data.path) as connection:
        assert ours == tuple(connection.execute(f"SELECT {names} FROM exchanges ORDER BY 1").fetchall())
    assert len(ours) == 8


def test_nobody_is_named_under_pseudonyms(site: Site, tmp_path: Path) -> None:
    pseudonyms = Pseudonyms.once()
    with Source(site.data.path, PERIOD, tmp_path / "scratch", pseudonyms) as source:
        source.take(tmp_path / "records")
        users = {row[0] for row in source.table("", 'SELECT DISTINCT "user" FROM events').rows}
        said = source.table("", "SELECT reason, extra FROM events WHERE kind IN ('erasure', 'disclosure')").rows
    assert users == {None, pseudonyms.of(EMAIL), pseudonyms.of("ben"), pseudonyms.of("carla")}
    assert all(reason is None and "ben" not in str(extra) for reason, extra in said)
    whole = b"".join(
        zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read() for path in tmp_path.rglob("*.zst")
    )
    for name in (EMAIL, "carla", "dora", "10.1.2.3", "vk1", '"ben"', "complaint"):
        assert name.encode() not in whole, name


def test_an_empty_period(site: Site, tmp_path: Path) -> None:
    later = Period(PERIOD.until + timedelta(days=100), PERIOD.until + timedelta(days=101))
    with Source(site.data.path, later, tmp_path / "scratch") as source:
        assert set(source.take(tmp_path / "records").values()) == {0}
