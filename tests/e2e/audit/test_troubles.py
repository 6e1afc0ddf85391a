"""What befalls a machine while weir works: its clock is set back, the spool's directory is not to be written, the disk
is full. Nothing acknowledged is missing, what could not be kept is named, and it goes on by itself afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from e2e.support import command
from harness.chaos import RUNNER, Traffic, check_store, gaps, recorded, rows_on_disk, traffic
from harness.chaosrun import OFFSET
from harness.doubles import Doubles
from harness.processes import PATIENCE_S, until
from harness.weir import Weir, write_policy

pytestmark = pytest.mark.xdist_group("audit-troubles")
DISK_BYTES, SEGMENT_BYTES = 24 << 20, 24 << 10
HOUR_NS = 3_600 * 10**9


@dataclass
class Place:
    """A proxy whose data directory has a small disk of its own, and a clock that can be set."""

    weir: Weir
    doubles: Doubles
    clock: Path
    full: Path | None  # stands for a full disk by being there; None: there is a real one
    answered: set[str] = field(default_factory=set)
    _runs: int = 0

    @contextlib.contextmanager
    def traffic(self) -> Iterator[Traffic]:
        """Steady calls; what they were answered must be in the audit from then on."""
        self._runs += 1
        with traffic(self.weir, self.doubles, f"t{self._runs}") as clients:
            yield clients
        self.answered |= clients.answered

    def set_clock(self, offset_ns: int) -> None:
        """Let the proxy's clock be off by so much."""
        with self.clock.open("r+b") as file:
            file.write(OFFSET.pack(offset_ns))

    @contextlib.contextmanager
    def full_disk(self) -> Iterator[None]:
        """Every byte of the disk taken, until the block ends."""
        ballast = self.full or self.weir.data / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while self.full is None:
                file.write(bytes(4096))
        try:
            yield
        finally:
            ballast.unlink()

    def policy(self, **disk: object) -> None:
        """Let the running proxy take another ``audit.disk``."""
        known = self.weir.process.output().count("policy taken")
        _policy(self.weir.policy, disk)
        self.weir.reload()
        until(lambda: self.weir.process.output().count("policy taken") > known, "the policy to be taken")

    def whole(self) -> list[dict[str, Any]]:
        """The records; AssertionError unless those of all answered calls are there, once, in spool and store."""
        rows = rows_on_disk(self.weir.data)
        found = recorded(rows)
        assert self.answered - found.keys() == set()
        assert [model for model, count in found.items() if count > 1] == []
        for boot in {row["boot_id"] for row in rows}:
            numbers = [row["seq"] for row in rows if row["boot_id"] == boot]
            assert numbers == list(range(1, len(numbers) + 1))
        differs: list[str] = []
        try:
            until(lambda: self._agree(differs), "the store to have what the disk has", seconds=PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}: {differs}") from None
        return rows

    def _agree(self, differs: list[str]) -> bool:
        """Whether the store has what the disk has now: what an answered call ends with is written after its answer."""
        try:
            check_store(self.weir.data, rows_on_disk(self.weir.data))
        except AssertionError as error:
            differs[:] = [str(error)]
            return False
        return True


def _policy(path: Path, disk: Mapping[str, object]) -> Path:
    audit = {"durability": "strict", "disk": dict(disk)}
    return write_policy(path, "enforce", dlp__processes=0, audit=audit)


def _mounted(folder: Path) -> bool:
    folder.mkdir(parents=True, mode=0o700)
    wanted = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(wanted, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def shared_place(shared_doubles: Doubles) -> Iterator[Place]:
    """One proxy for all of them."""
    run = Path(os.environ["WEIR_TEST_RUN"])
    folder = Path(tempfile.mkdtemp(prefix="audit-troubles-", dir=run / "artefacts"))
    mounted = _mounted(folder / "data")
    clock = Path(tempfile.mkdtemp(dir=run / "private")) / "clock"
    clock.write_bytes(OFFSET.pack(0))
    full = None if mounted else clock.with_name("full")
    policy = _policy(folder / "policy.yaml", {"floor": 0})
    environment = {f"{kind.upper()}_API_KEY": key for kind, key in shared_doubles.keys.items()} | {
        "WEIR_SPOOL": json.dumps({"segment_bytes_max": SEGMENT_BYTES}),
        "WEIR_CLOCK": str(clock),
        "WEIR_PLAIN": "1",
        "WEIR_FULL": str(full or ""),
    }
    try:
        weir = Weir(folder, policy, shared_doubles, environment=environment, program=[str(RUNNER)])
        yield Place(weir, shared_doubles, clock, full)
        assert weir.stop() == 0, weir.process.tail()
        told = command("audit", "verify", "--format", "json", "--data", str(weir.data), check=False)
        # The one thing that is left of all of it: the clock that was set back is named, with the row.
        assert {problem["wrong"] for problem in json.loads(told)["problems"]} == {"clock"}
    finally:
        if mounted:
            shutil.copytree(folder / "data", folder / "kept", ignore=shutil.ignore_patterns("compiled"))
            subprocess.run(["umount", str(folder / "data")], check=True)


@pytest.fixture
def place(shared_place: Place, doubles: Doubles) -> Place:
    """The shared one, well at the test's beginning."""
    assert shared_place.weir.process.running
    return shared_place


def refused(clients: Traffic, count: int = 4) -> Callable[[], bool]:
    """Whether so many calls were answered by 503."""
    before = clients.refused[503]
    return lambda: clients.refused[503] >= before + count


def more(clients: Traffic, count: int = 12) -> Callable[[], bool]:
    """Whether so many calls more were answered than until now."""
    before = len(clients.answered)
    return lambda: len(clients.answered) >= before + count


def last_gap(place: Place, number: int) -> dict[str, Any]:
    """The newest gap record once there are so many."""
    return until(lambda: found if len(found := gaps(rows_on_disk(place.weir.data))) >= number else None, "a gap")[-1]


def test_a_clock_that_is_set_back(place: Place) -> None:
    """Records stay in order and whole; no duration is negative."""
    before = len(rows_on_disk(place.weir.data))
    with place.traffic() as clients:
        for offset in (-HOUR_NS, -2 * HOUR_NS, 0):
            place.set_clock(offset)
            until(more(clients), "answers")
    assert clients.refused == {}
    rows = place.whole()[before:]
    steps = [later["ts"] - earlier["ts"] for earlier, later in pairwise(rows)]
    assert min(steps) < -50 * 60 * 10**6, "the clock did not go back"
    durations = [row[name] for row in rows for name in ("duration_us", "ttft_us", "overhead_us") if name in row]
    assert durations and min(durations) >= 0 and max(durations) < 60 * 10**6
    assert [row for row in rows if row.get("ts_end", row["ts"]) < row["ts"] and row["kind"] != "response"] == []


def test_a_spool_that_must_not_be_written(place: Place) -> None:
    """The segment in use can still be written; the next one cannot be made."""
    known = len(gaps(rows_on_disk(place.weir.data)))
    spool = place.weir.data / "spool"
    with place.traffic() as clients:
        spool.chmod(0o500)
        try:
            until(refused(clients), "the first refusals")
        finally:
            spool.chmod(0o700)
        until(more(clients), "answers once it may be written again")
    gap = last_gap(place, known + 1)
    assert "could not write: Permission denied" in gap["reason"] and gap["ts"] < gap["ts_end"] and gap["dropped"]
    place.whole()


def test_a_disk_that_is_full(place: Place) -> None:
    """Of spool and store at once; both go on when there is room."""
    known = len(gaps(rows_on_disk(place.weir.data)))
    with place.traffic() as clients:
        with place.full_disk():
            until(refused(clients), "the first refusals")
            told = "weir audit ingest: ingest: "
            until(lambda: place.full or told in place.weir.process.output(), "the ingester's word that it cannot write")
        until(more(clients), "answers once there is room")
    gap = last_gap(place, known + 1)
    assert re.search("No space left|less free than", gap["reason"]) and gap["ts"] < gap["ts_end"] and gap["dropped"]
    place.whole()


def test_a_disk_below_the_floor(place: Place) -> None:
    """weir leaves what the policy wants left, whoever took the rest, and says so; then it goes on by itself."""
    known = len(gaps(rows_on_disk(place.weir.data)))
    with place.traffic() as clients:
        place.policy(floor=2 * DISK_BYTES, warn=2 * DISK_BYTES)
        until(refused(clients), "the first refusals")
        before = len(rows_on_disk(place.weir.data))
        until(refused(clients), "more of them")
        assert len(rows_on_disk(place.weir.data)) == before
        place.policy(floor=0)
        until(more(clients), "answers once the floor is lower")
    gap = last_gap(place, known + 1)
    assert "audit.disk.floor" in gap["reason"] and gap["dropped"]
    place.whole()


def test_a_spool_that_is_moved_away_and_comes_back(place: Place) -> None:
    """Whatever is written meanwhile is in a directory made anew; nobody is told that it is where it is not."""
    spool = place.weir.data / "spool"
    away = spool.with_name("away")
    with place.traffic() as clients:
        spool.rename(away)
        until(more(clients), "answers while it is away")
    until(lambda: any(spool.glob("*.jsonl")), "a directory made anew")
    for path in away.iterdir():
        path.rename(spool / path.name)
    away.rmdir()
    with place.traffic() as clients:
        until(more(clients), "answers with both")
    place.whole()
