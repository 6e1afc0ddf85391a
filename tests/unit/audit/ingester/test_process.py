"""The ingester's process: trouble with one piece of work stops no other, and is told once."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest

from weir.audit.ingester.duties import WAITING, duties
from weir.audit.ingester.duty import Desk
from weir.audit.ingester.ingest import Ingester
from weir.audit.ingester.policy import PolicyFile
from weir.audit.ingester.process import Work, main, work_on
from weir.datadir import DataDirError


class Chore:
    """A duty that does as it is told."""

    def __init__(self, name: str, every_s: float = 0.0) -> None:
        self.name, self.every_s = name, every_s
        self.error: Exception | None = None
        self.lines: list[str] = []
        self.runs: list[bool] = []

    def run(self, desk: Desk, *, last: bool) -> list[str]:
        self.runs.append(last)
        if self.error is not None:
            raise self.error
        lines, self.lines = self.lines, []
        return lines


@pytest.fixture
def work(tmp_path: Path):
    chores = Chore("first"), Chore("second"), Chore("seldom", every_s=3600.0)
    with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
        yield Work(tmp_path, ingester, PolicyFile(None), chores), *chores


ERRORS = [OSError(28, "No space left on device"), duckdb.Error("canary-5512"), DataDirError("keys: is open to others")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_trouble_with_one_stops_no_other(work, error: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    at_work, first, second, _ = work
    first.error = error
    at_work.round(last=False)
    at_work.round(last=False)
    assert second.runs == [False, False] and list(at_work.trouble) == ["first"]
    first.error = None
    at_work.round(last=False)
    assert not at_work.trouble
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 2 and told[0].startswith("weir audit ingest: first: ") and told[1].endswith("works again")
    assert "canary" not in "".join(told)


def test_each_at_its_pace_and_all_at_the_end(work) -> None:
    at_work, first, _, seldom = work
    for last in (False, False, True):
        at_work.round(last=last)
    assert first.runs == [False, False, True] and seldom.runs == [False, True]


def test_what_a_duty_has_to_say_is_said(work, capfd: pytest.CaptureFixture[str]) -> None:
    at_work, first, *_ = work
    first.lines = ["2 segments are packed"]
    at_work.round(last=False)
    assert capfd.readouterr().err == "weir audit ingest: first: 2 segments are packed\n"


def test_a_mistake_of_ours_is_not_swallowed(work) -> None:
    at_work, first, *_ = work
    first.error = KeyError("ours")
    with pytest.raises(KeyError):
        at_work.round(last=False)


def test_exit_codes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()
    stop.set()
    assert work_on(tmp_path, None, stop, 0.05) == 0
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("version: 9\n")
    assert main(["--data", str(tmp_path), "--policy", str(wrong), "--once"]) == 2
    with Ingester(tmp_path / "spool", tmp_path / "audit"):
        assert work_on(tmp_path, None, stop, 0.05) == 1
    told = capfd.readouterr().err
    assert "wrong.yaml" in told and "another ingester" in told


def test_below_the_floor_nothing_is_ingested_and_what_makes_room_goes_on(
    work, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    at_work, first, *_ = work
    passes: list[bool] = []
    monkeypatch.setattr(at_work._ingester, "run_once", lambda: passes.append(True) or 0)
    free = [0]
    monkeypatch.setattr("weir.audit.spool.room.free_bytes", lambda path: free[0])
    at_work.round(last=False)
    assert passes == [] and first.runs == [False] and list(at_work.trouble) == ["ingest"]
    free[0] = 9 << 30
    monkeypatch.setattr("weir.audit.spool.room.AGE_S", 0.0)
    at_work.round(last=False)
    assert passes == [True] and not at_work.trouble
    told = capfd.readouterr().err
    assert "ingest: OSError: the disk has less free than audit.disk.floor; trying again" in told


def test_with_a_broken_policy_all_goes_on_but_retention(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A policy that is broken when the process starts again stops no record from reaching the store."""
    path = tmp_path / "policy.yaml"
    path.write_text("version: 9\n")
    names = sorted({*WAITING, "checkpoints"})
    chores = [Chore(name) for name in names]
    ran = {chore.name: chore.runs for chore in chores}
    with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
        at_work = Work(tmp_path, ingester, PolicyFile(path, patient=True), chores)
        at_work.round(last=False)
        at_work.round(last=False)
        assert {name: len(runs) for name, runs in ran.items()} == {"checkpoints": 2, "retire": 0, "rows": 0}
        assert list(at_work.trouble) == ["policy"]
        path.write_text("version: 1\n# mended\n")
        at_work.round(last=False)
        assert {name: len(runs) for name, runs in ran.items()} == {"checkpoints": 3, "retire": 1, "rows": 1}
        assert not at_work.trouble
    told = capfd.readouterr().err.splitlines()
    assert [line.removeprefix("weir audit ingest: ") for line in told] == [
        "policy.yaml is not taken (PolicyError); weir check tells more",
        "policy: it has not been read yet: nothing leaves for its age, all else is done",
        "policy: works again",
    ]


def test_what_needs_a_policy_is_named_as_the_duties_are(tmp_path: Path) -> None:
    with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
        every = {duty.name for duty in duties(ingester)}
        assert every - {duty.name for duty in duties(ingester, retention=False)} == WAITING


def test_a_store_that_cannot_be_opened_is_told_in_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "audit").write_text("not a directory")
    assert work_on(tmp_path, None, threading.Event(), 0.05) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("weir audit ingest: the store cannot be opened: ") and "Traceback" not in line
