"""``weir audit ingest``: the store is made from the spool without a proxy."""

from __future__ import annotations

import shutil
from pathlib import Path

from weir.audit.store import database


def test_once_makes_the_store_anew(weir, store: Path) -> None:
    before = database.sql(store, "SELECT count(*), max(seq) FROM events")
    shutil.rmtree(store / "audit")
    done = weir("audit", "ingest", "--once", "--data", store)
    assert (done.code, done.out) == (0, "")
    assert database.sql(store, "SELECT count(*), max(seq) FROM events") == before


def test_a_wrong_policy_is_told_and_nothing_is_done(weir, store: Path, tmp_path: Path) -> None:
    policy = tmp_path / "wrong.yaml"
    policy.write_text("version: 1\naudit: {retention: {days: 0}}\n")
    shutil.rmtree(store / "audit")
    assert weir("audit", "ingest", "--once", "--data", store, "--policy", policy).code == 2
    assert not (store / "audit").exists()


def test_no_data_directory(weir, tmp_path: Path) -> None:
    done = weir("audit", "ingest", "--once", "--data", tmp_path / "nowhere")
    assert done.code != 0 and "no data directory" in done.err
