from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unit.audit.store.rows import NOON, ask, exchange, feed, open_ingester
from weir.audit.record import AuditRecord, new_event_id
from weir.audit.spool.writer import Spool
from weir.audit.store.late import Late

Make = Callable[..., AuditRecord]


def test_only_what_was_put_together_and_has_no_copies_yet(tmp_path: Path, spool: Spool, record: Make) -> None:
    done, other = exchange(record), exchange(record)
    feed(spool, *done)
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        late = Late(ingester.files, ingester.levels)
        known = done[0].exchange_id
        assert late.again({known, other[0].exchange_id, "no uuid"}) == {known}
        feed(spool, record(kind="discovered", exchange_id=known, ts=NOON))
    with open_ingester(tmp_path, fold_rows=100) as ingester:
        ingester.run_once()
        assert Late(ingester.files, ingester.levels).again({known}) == set()


def test_copies_are_the_earlier_records_and_one_row_for_each(tmp_path: Path, spool: Spool, record: Make) -> None:
    done = exchange(record)
    feed(spool, *done)
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        late = Late(ingester.files, ingester.levels)
        query = late.copies({done[0].exchange_id}, 7)
        rows = ingester.files.engine.execute(f"SELECT kind, batch FROM ({query}) ORDER BY kind").fetchall()
        assert rows == [("request", 7), ("response", 7), (None, 7)]


def test_an_id_that_does_not_tell_when_it_was_made_is_found_too(tmp_path: Path, spool: Spool, record: Make) -> None:
    one = "0d3a3f5e-7c1f-4c39-9d5a-3f1f6a1b2c3d"
    feed(spool, record(kind="block", exchange_id=one, ts=NOON), record(kind="block", ts=NOON))
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        feed(spool, record(kind="discovered", exchange_id=one, ts=NOON, host="found.example"))
        ingester.run_once()
    assert ask(tmp_path, f"SELECT kind, host FROM exchanges WHERE exchange_id = '{one}'") == [
        ("block", "found.example")
    ]
    assert ask(tmp_path, "SELECT count(*) FROM exchanges") == [(2,)]


def test_a_restart_remembers_which_have_copies(tmp_path: Path, spool: Spool, record: Make) -> None:
    ask_for, reply = exchange(record, exchange_id=new_event_id())
    feed(spool, ask_for)
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
    for again in (reply, record(kind="discovered", exchange_id=reply.exchange_id, ts=NOON)):
        feed(spool, again)
        with open_ingester(tmp_path, fold_rows=100) as ingester:
            ingester.run_once()
            assert len(ingester.levels.late_paths()) == 1
        assert ask(tmp_path, "SELECT kind, http_status FROM exchanges") == [("response", 200)]
