from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, new_event_id
from weir.audit.spool.records import write_records
from weir.audit.store import database as store
from weir.cli.audit.app import app

LONG_AGO = 1_700_049_600_000_000
POLICY = "version: 1\naudit: {retention: {days: 30}}\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    (made / "spool").mkdir(parents=True)
    records = [AuditRecord(event_id=new_event_id(), exchange_id=new_event_id(), kind="block", ts=LONG_AGO)] * 3
    write_records(made / "spool", "p1", records)
    with Ingester(made / "spool", made / "audit", fold_rows=1) as ingester:
        ingester.run_once()
    return made


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


def test_rebuild_says_what_it_made(data: Path) -> None:
    code, told, _ = run("rebuild", "--data", str(data))
    assert (code, told) == (0, "3 rows from the spool, 0 rows that only the store had\n")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    made = tmp_path / "policy.yaml"
    made.write_text(POLICY)
    return made


@pytest.mark.parametrize("command", ["rebuild", "prune"])
def test_an_ingester_at_work_is_not_disturbed(data: Path, policy: Path, command: str) -> None:
    said = ("--policy", str(policy)) if command == "prune" else ()
    with Ingester(data / "spool", data / "audit"):
        code, told, why = run(command, "--data", str(data), *said)
    assert (code, told) == (1, "") and "an ingester is at work" in why


def test_prune_counts_first_and_then_takes(data: Path, policy: Path) -> None:
    words = ("prune", "--data", str(data), "--policy", str(policy))
    assert run(*words, "--dry-run")[:2] == (0, "store: 3 rows of 1 day\nspool: 0 segments with 0 rows\n")
    assert store.sql(data, "SELECT count(*) FROM events")[1] == [(3,)]
    assert run(*words)[:2] == (0, "store: 3 rows of 1 day\nspool: 0 segments with 0 rows\n")
    assert store.sql(data, "SELECT count(*) FROM events WHERE kind = 'block'")[1] == [(0,)]
    assert store.sql(data, "SELECT count(*) FROM husks")[1] == [(3,)]


def test_prune_says_so_when_nothing_is_over(data: Path, tmp_path: Path) -> None:
    policy = tmp_path / "long.yaml"
    policy.write_text("version: 1\naudit: {retention: {days: 36500}}\n")
    told = run("prune", "--data", str(data), "--policy", str(policy), "--dry-run")[1]
    assert told == "store: no day is over\nspool: 0 segments with 0 rows\n"


def test_a_policy_that_cannot_be_read_is_wrong_usage(data: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\naudit: {retention: {days: no}}\n")
    assert run("prune", "--data", str(data), "--policy", str(policy))[0] == 2


def test_nothing_goes_without_a_policy_that_says_so(data: Path) -> None:
    assert run("prune", "--data", str(data))[0] == 2
