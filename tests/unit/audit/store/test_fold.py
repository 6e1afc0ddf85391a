from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from unit.audit.store.rows import DAY_US, NOON, ask, exchange, feed, open_ingester, put
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.writer import Spool
from weir.audit.store import fold
from weir.audit.store.fold import mergeable
from weir.audit.store.parquet import ParquetFiles, open_engine
from weir.audit.store.parts import Parts

Make = Callable[..., AuditRecord]
EXCHANGES = "SELECT kind, http_status, count(*) FROM exchanges GROUP BY ALL ORDER BY ALL"


def test_rows_go_to_a_file_for_each_day_in_the_order_of_their_time(tmp_path: Path, spool: Spool, record: Make) -> None:
    later, first = record(ts=NOON + 9), record(ts=NOON)
    feed(spool, later, first, *exchange(record, day=1))
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        parts = ingester.levels.parts
        assert {(part.table, part.day, part.proxy): rows for part, rows in parts.live.items()} == {
            ("events", "2023-11-15", "p1"): 2, ("events", "2023-11-16", "p1"): 2, ("findings", "2023-11-16", "p1"): 1,
            ("exchanges", "2023-11-15", "p1"): 2, ("exchanges", "2023-11-16", "p1"): 1,
        }  # fmt: skip
        stored = f"SELECT event_id::VARCHAR FROM '{parts.paths('events')[0]}'"
        assert ingester.files.engine.execute(stored).fetchall() == [(first.event_id,), (later.event_id,)]


def test_an_exchange_is_there_once_while_it_is_open_and_when_its_reply_comes(
    tmp_path: Path, spool: Spool, record: Make
) -> None:
    ask_for, reply = exchange(record, ts=now_us())
    feed(spool, ask_for)
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        assert sorted(part.table for part in ingester.levels.parts.live) == ["events", "findings", "open"]
        assert ask(tmp_path, EXCHANGES) == [("request", None, 1)]
        feed(spool, reply)
        ingester.run_once()
        assert ask(tmp_path, EXCHANGES) == [("response", 200, 1)]
        assert ingester.levels.parts.of("open") == [] and len(ingester.levels.parts.of("exchanges")) == 1


@pytest.mark.parametrize("recent", [True, False], ids=["recent", "in day files"])
def test_a_reply_after_its_request_was_written_as_never_answered(
    tmp_path: Path, spool: Spool, record: Make, recent: bool
) -> None:
    ask_for, reply = exchange(record)  # years ago: not waited for
    feed(spool, ask_for, *exchange(record))
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        assert len(ingester.levels.parts.of("exchanges")) == 1
        feed(spool, reply)
    with open_ingester(tmp_path, fold_rows=100 if recent else 1) as ingester:
        ingester.run_once()
        assert ask(tmp_path, EXCHANGES) == [("response", 200, 2)]
        assert ingester.levels.recent_rows() == (1 if recent else 0)
    assert ask(tmp_path, "SELECT count(*), count(DISTINCT event_id) FROM events") == [(4, 4)]


def test_turns_are_summed_once_however_late_they_come(tmp_path: Path, spool: Spool, record: Make) -> None:
    one = new_event_id()
    with open_ingester(tmp_path) as ingester:
        feed(spool, record(kind="request", exchange_id=one, ts=NOON))
        for turn in range(3):  # each after a day, when the exchange had been written as it was
            feed(spool, record(kind="turn", exchange_id=one, ts=NOON + turn * DAY_US, input_tokens=10))
            ingester.run_once()
            assert ask(tmp_path, "SELECT kind, input_tokens FROM exchanges") == [("request", 10 * (turn + 1))]
        feed(spool, record(kind="response", exchange_id=one, ts=NOON, input_tokens=33))
        ingester.run_once()
    assert ask(tmp_path, "SELECT kind, input_tokens FROM exchanges") == [("response", 33)]


def test_files_of_a_day_that_is_over_become_one(tmp_path: Path, spool: Spool, record: Make) -> None:
    sealed: list[Path] = []
    removed: list[Path] = []
    with open_ingester(tmp_path, on_sealed=sealed.append, on_removed=removed.append) as ingester:
        for _ in range(3):
            feed(spool, *exchange(record))
            ingester.run_once()
        for _ in range(8):
            ingester.run_once()
        for table in ("events", "findings", "exchanges"):
            assert len(ingester.levels.parts.of(table)) == 1
        live = {ingester.levels.parts.path(part) for part in ingester.levels.parts.live}
        assert set(sealed) - set(removed) == live and live.isdisjoint(removed)
        assert not any(path.exists() for path in removed), "nobody reads"
    assert ask(tmp_path, "SELECT count(*) FROM exchanges") == [(3,)]


def test_a_disk_that_takes_no_word_of_a_removal_doubles_nothing(tmp_path: Path, spool: Spool, record: Make) -> None:
    full = [True]

    def removed(path: Path) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")

    with open_ingester(tmp_path, on_removed=removed) as ingester:
        for _ in range(3):
            feed(spool, *exchange(record))
            with suppress(OSError):  # its day is over: the files of before are merged, and would be removed
                ingester.run_once()
        for _ in range(3):
            with pytest.raises(OSError, match="No space"):
                ingester.run_once()
        full[0] = False
        for _ in range(8):
            ingester.run_once()
        assert len(ingester.levels.parts.of("events")) == 1
    rows = [ask(tmp_path, f"SELECT count(*) FROM {table}")[0][0] for table in ("events", "findings", "exchanges")]
    assert rows == [6, 3, 3]


def test_many_rows_are_merged_in_the_order_of_their_time_without_a_sort(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "SORT_ROWS", 0)
    with open_ingester(tmp_path) as ingester:
        for late in (40, 0, 20):
            put(tmp_path, *(record(kind="block", ts=NOON + late + step) for step in range(20)))
            ingester.run_once()
        for _ in range(8):
            ingester.run_once()
        (path,) = ingester.levels.parts.paths("events")
        times = [one for (one,) in ingester.files.engine.execute(f"SELECT epoch_us(ts) FROM '{path}'").fetchall()]
        assert times == [NOON + step for step in range(60)]


def test_of_a_day_under_way_eight_of_a_size_are_merged_and_big_ones_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine()
    files = ParquetFiles(tmp_path / "audit", engine)
    parts = Parts(files)
    small = [parts.allocate("events", "2026-01-02", "p") for _ in range(8)]
    big = parts.allocate("events", "2026-01-02", "p")
    parts.live = {**dict.fromkeys(small[:7], 10), big: 1_000}
    assert mergeable(parts, "2026-01-02", lambda part: True) == []
    parts.live[small[7]] = 20
    assert mergeable(parts, "2026-01-02", lambda part: True) == small
    assert mergeable(parts, "2026-01-03", lambda part: part is not big) == small, "something has just come"
    assert mergeable(parts, "2026-01-03", lambda part: True) == [*small, big]
    monkeypatch.setattr(fold, "ROWS_MAX", 95)
    assert mergeable(parts, "2026-01-03", lambda part: True) == small
    engine.close()
