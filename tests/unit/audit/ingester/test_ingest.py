from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weir
from weir.audit.ingester.ingest import Ingester, IngestLocked
from weir.audit.record import AuditRecord, FindingRow, ToolCallRow, new_event_id
from weir.audit.spool.writer import Spool
from weir.audit.store import database as store

Make = Callable[..., AuditRecord]
COUNTS = "SELECT count(*), count(DISTINCT seq), (SELECT count(*) FROM findings) FROM events"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(weir.__file__).parent.parent)}


def counts(data: Path) -> tuple[Any, ...]:
    return store.sql(data, COUNTS)[1][0]


def ingester(data: Path, **options: Any) -> Ingester:
    return Ingester(data / "spool", data / "audit", **options)


def feed(spool: Spool, make: Make, count: int) -> None:
    for _ in range(count):
        spool.put(make(findings=(FindingRow(ord=0, detector="pii/X"),), tool_calls=(ToolCallRow(ord=0, name="ls"),)))
    assert spool.flush(60)


def test_records_findings_and_tool_calls_arrive(tmp_path: Path, spool: Spool, record: Make) -> None:
    one = record(ts=1_700_000_000_000_000, user_groups=("a", "b"), extra='{"k":"v"}', cost_nano=5)
    spool.put(one)
    feed(spool, record, 4)
    with ingester(tmp_path) as at_work:
        assert at_work.run_once() == 5
        assert at_work.run_once() == 0
        row = store.sql(
            tmp_path,
            "SELECT event_id::VARCHAR, ts::VARCHAR, user_groups, extra->>'k', cost_nano FROM events WHERE seq = 1",
        )[1][0]
        assert row == (one.event_id, "2023-11-14 22:13:20", ["a", "b"], "v", 5)
        join = "SELECT count(*) FROM events JOIN findings USING (event_id) JOIN tool_calls USING (event_id)"
        assert store.sql(tmp_path, join)[1] == [(4,)]


def test_a_second_run_takes_up_where_the_first_ended(tmp_path: Path, spool: Spool, record: Make) -> None:
    for total in (10, 20, 30):
        feed(spool, record, 10)
        with ingester(tmp_path) as at_work:
            assert at_work.run_once() == 10
        assert counts(tmp_path) == (total, total, total)


@pytest.mark.parametrize("cursor", ["lost", "old", "broken"])
def test_a_cursor_that_fell_behind_makes_no_duplicates(tmp_path: Path, spool: Spool, record: Make, cursor: str) -> None:
    path = tmp_path / "audit" / "cursor.json"
    feed(spool, record, 10)
    with ingester(tmp_path) as at_work:
        at_work.run_once()
        old = path.read_bytes()
        feed(spool, record, 10)
        at_work.run_once()
    path.unlink()
    if cursor != "lost":
        path.write_bytes(old if cursor == "old" else b"{")
    feed(spool, record, 1)
    with ingester(tmp_path) as at_work:
        at_work.run_once()
    assert counts(tmp_path) == (21, 21, 21)


def test_a_big_backlog_goes_in_bounded_batches(tmp_path: Path, spool: Spool, record: Make) -> None:
    feed(spool, record, 95)
    with ingester(tmp_path, rows_max=20, merge_at=3, settle_s=0, grace_s=0) as at_work:
        assert at_work.run_once() == 95
        for _ in range(5):
            at_work.run_once()
    assert counts(tmp_path) == (95, 95, 95)


def test_a_file_that_was_away_is_read_when_it_is_back(tmp_path: Path, record: Make) -> None:
    spool = Spool(tmp_path / "spool", "p", "b", segment_bytes_max=1)
    spool.start()
    for _ in range(4):
        feed(spool, record, 1)
        assert spool.flush(60)
    away = sorted((tmp_path / "spool").iterdir())[1]
    away.rename(tmp_path / away.name)
    with ingester(tmp_path) as one:
        assert one.run_once() == 3
        (tmp_path / away.name).rename(away)
        assert (one.run_once(), one.run_once()) == (1, 0)
    assert spool.close(60) and counts(tmp_path)[0] == 4


def test_bad_lines_are_counted_named_and_skipped(tmp_path: Path, spool: Spool, record: Make) -> None:
    feed(spool, record, 2)
    path = next((tmp_path / "spool").glob("*.jsonl"))
    whole = path.read_bytes()
    boot = json.loads(whole.splitlines()[0])["boot_id"]
    strange = f"p1-{boot}-000002.jsonl"
    (tmp_path / "spool" / strange).write_bytes(
        b"planted no json\n" + b'{"proxy_id":"x","boot_id":"y","seq":1}\n' + b'{"user":"planted","torn'
    )
    with ingester(tmp_path) as at_work:
        assert at_work.run_once() == 2
        assert at_work.bad_lines == 2
        assert strange in at_work.last_problem and "planted" not in at_work.last_problem
        at_work.run_once()
        assert at_work.bad_lines == 2


def test_a_torn_tail_is_read_when_it_is_whole(tmp_path: Path, spool: Spool, record: Make) -> None:
    feed(spool, record, 3)
    spool.close(5)
    path = next((tmp_path / "spool").glob("*.jsonl"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with ingester(tmp_path) as at_work:
        assert at_work.run_once() == 2
        path.write_bytes(whole)
        assert at_work.run_once() == 1


def test_nothing_but_known_columns_reaches_the_store(tmp_path: Path, spool: Spool, record: Make) -> None:
    feed(spool, record, 1)
    path = next((tmp_path / "spool").glob("*.jsonl"))
    doc = {**json.loads(path.read_bytes()), "seq": 2, "prompt": "canary-7f3a"}
    doc["findings"][0]["match"] = "canary-7f3a"
    with path.open("ab") as file:
        file.write(json.dumps(doc).encode() + b"\n")
    with ingester(tmp_path) as at_work:
        assert at_work.run_once() == 2
    for file_path in (tmp_path / "audit").rglob("*"):
        assert not file_path.is_file() or b"canary-7f3a" not in file_path.read_bytes()
    assert "canary-7f3a" not in str(store.sql(tmp_path, "SELECT * FROM events JOIN findings USING (event_id)"))


def test_two_ingesters_cannot_work_on_one_store(tmp_path: Path) -> None:
    with ingester(tmp_path):
        with pytest.raises(IngestLocked):
            ingester(tmp_path)
        second = subprocess.run(
            [sys.executable, "-m", "weir.audit.ingester", "--data", str(tmp_path), "--once"],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1 and "another ingester" in second.stderr
    ingester(tmp_path).close()


READER = """
import sys, time, duckdb
shop = duckdb.connect(sys.argv[1], read_only=True)
queries = wrong = 0
last = 0
print("ready", flush=True)
while time.monotonic() < float(sys.argv[2]):
    rows, distinct, found = shop.execute(
        "SELECT count(*), count(DISTINCT seq), (SELECT count(*) FROM exchanges) FROM events").fetchone()
    wrong += rows != distinct or rows < last
    last = rows
    queries += 1
print(queries, wrong, last)
"""


def test_a_stock_reader_never_sees_an_error_a_gap_or_a_duplicate(tmp_path: Path, spool: Spool, record: Make) -> None:
    with ingester(tmp_path, merge_at=4, settle_s=0.2, grace_s=1) as at_work:
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, str(tmp_path / "audit" / "audit.duckdb"), str(time.monotonic() + 3.5)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
        passes = 0
        while reader.poll() is None:
            feed(spool, record, 7)
            assert at_work.run_once() == 7
            passes += 1
        queries, wrong, last = map(int, reader.stdout.read().split())
        reader.stdout.close()
        assert (reader.returncode, wrong) == (0, 0)
        assert queries > 5 and passes > 10 and last > 0
        assert counts(tmp_path) == (7 * passes,) * 3


def start(data: Path, *options: str, **pipes: Any) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "weir.audit.ingester",
        "--data",
        str(data),
        "--interval-s",
        "0.05",
        *options,
    ]
    return subprocess.Popen(command, env=ENVIRONMENT, text=True, stderr=subprocess.PIPE, **pipes)


def wait_for_rows(data: Path, rows: int) -> None:
    end = time.monotonic() + 60
    while counts(data)[0] < rows:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("ending", ["SIGTERM", "stdin"])
def test_the_process_ends_after_a_last_pass(tmp_path: Path, spool: Spool, record: Make, ending: str) -> None:
    feed(spool, record, 5)
    process = start(tmp_path, "--watch-stdin", stdin=subprocess.PIPE)
    wait_for_rows(tmp_path, 5)
    feed(spool, record, 5)
    if ending == "SIGTERM":
        process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
    assert counts(tmp_path) == (10, 10, 10)


def test_once_ingests_and_ends(tmp_path: Path, spool: Spool, record: Make) -> None:
    feed(spool, record, 5)
    process = start(tmp_path, "--once")
    assert process.communicate(timeout=60)[1] == "" and process.returncode == 0
    assert counts(tmp_path) == (5, 5, 5)


def test_kill_9_of_the_process_neither_loses_nor_doubles(tmp_path: Path, spool: Spool, record: Make) -> None:
    total = 0
    for number in range(4):
        process = start(tmp_path)
        for _ in range(6):
            feed(spool, record, 20)
            total += 20
            time.sleep(0.03 * number)
        process.kill()
        process.communicate(timeout=60)
    with ingester(tmp_path) as at_work:
        at_work.run_once()
    assert counts(tmp_path) == (total, total, total)


def test_many_boots_and_proxies_share_a_spool(tmp_path: Path, record: Make) -> None:
    for proxy in ("a-1", "a"):
        for _ in range(2):
            spool = Spool(tmp_path / "spool", proxy, new_event_id())
            spool.start()
            feed(spool, record, 3)
            assert spool.close(60)
    with ingester(tmp_path) as at_work:
        assert at_work.run_once() == 12
    query = "SELECT proxy_id, count(DISTINCT boot_id), max(seq) FROM events GROUP BY 1 ORDER BY 1"
    assert store.sql(tmp_path, query)[1] == [("a", 2, 3), ("a-1", 2, 3)]
