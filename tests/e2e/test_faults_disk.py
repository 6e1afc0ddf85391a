"""The audit's disk is full: ``strict`` refuses until it isn't, ``available`` goes on and counts what is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.doubles import Doubles
from harness.faultclients import Outcome, ask
from harness.faults import Faults
from harness.processes import until
from harness.weir import PROVIDER_HOSTS, write_policy

SEGMENT_BYTES = 16 << 10
QUEUE_MAX = 10


@dataclass
class Disk:
    """A proxy whose spool has a disk of its own, and how to fill and free that."""

    proxy: Faults
    fill: Callable[[], None]
    free: Callable[[], None]

    def talk(self) -> Outcome:
        return ask(self.proxy.weir, authorization=f"Bearer {self.proxy.doubles.keys['openai']}")


def _mount(spool: Path) -> bool:
    spool.mkdir(parents=True, mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(spool)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


def _on_tmpfs(spool: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    ballast = spool / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    return fill, ballast.unlink


@pytest.fixture(params=["strict", "available"])
def disk(request: pytest.FixtureRequest, doubles: Doubles) -> Iterator[Disk]:
    """A real file system of 256 KiB where mounting is allowed, else a spool whose writes answer ENOSPC."""
    artefacts = Path(os.environ["WEIR_TEST_RUN"]) / "artefacts"
    folder = Path(tempfile.mkdtemp(prefix=f"faults-disk-{request.param}-", dir=artefacts))
    spool = folder / "data" / "spool"
    mounted = _mount(spool)
    base = "enforce" if request.param == "strict" else "observe"
    environment = {f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()}
    environment["WEIR_SPOOL"] = json.dumps({"segment_bytes_max": SEGMENT_BYTES})
    audit = {"durability": request.param, "disk": {"warn": 0, "floor": 0}}
    limits = {"audit_queue_max": QUEUE_MAX}
    policy = write_policy(folder / "policy.yaml", base, dlp__processes=0, audit=audit, limits=limits)
    try:
        proxy = Faults(folder, policy, doubles, environment=environment, hosts=PROVIDER_HOSTS)
        with ExitStack() as armed:
            fill, free = (
                _on_tmpfs(spool) if mounted else (lambda: armed.enter_context(proxy.armed("disk", "full")), armed.close)
            )
            yield Disk(proxy, fill, free)
            proxy.weir.stop()
    finally:
        if mounted:
            shutil.copytree(spool, folder / "spool")  # the search for canaries comes after the unmount
            subprocess.run(["umount", str(spool)], check=True)


def _until_refusing(disk: Disk) -> Outcome:
    """The segment in use has its space already: requests go on until it is full."""
    return until(lambda: outcome if (outcome := disk.talk()).status != 200 else None, "the first refusal", every=0)


def _gaps(disk: Disk) -> list[dict[str, object]]:
    return [row for row in disk.proxy.weir.records() if row["kind"] == "gap"]


@pytest.mark.parametrize("disk", ["strict"], indirect=True)
def test_strict_refuses_until_there_is_room(disk: Disk) -> None:
    assert disk.talk().status == 200
    disk.fill()
    outcome = _until_refusing(disk)
    assert (outcome.status, outcome.rule) == (503, "audit-unavailable")
    disk.proxy.doubles.reset()
    for _ in range(3):
        outcome = disk.talk()
        assert (outcome.status, outcome.rule) == (503, "audit-unavailable")
    assert disk.proxy.doubles.requests() == []

    disk.free()
    assert until(lambda: disk.talk().status == 200, "service again")
    gap = until(lambda: _gaps(disk), "a gap record")[0]
    assert gap["dropped"] and "could not write" in str(gap["reason"])
    assert gap["ts"] < gap["ts_end"]  # type: ignore[operator]  # both are integers


@pytest.mark.parametrize("disk", ["available"], indirect=True)
def test_available_goes_on_and_counts(disk: Disk) -> None:
    disk.fill()
    sent = 60
    for _ in range(sent):
        assert disk.talk().status == 200
    assert len(disk.proxy.doubles.requests()) == sent
    assert not _gaps(disk)

    disk.free()
    gap = until(lambda: _gaps(disk), "a gap record")[0]
    assert "could not write" in str(gap["reason"])
    kept = [row for row in disk.proxy.weir.records() if row["kind"] in ("request", "response")]
    assert gap["dropped"] == 2 * sent - len(kept) > 0


@pytest.mark.parametrize("disk", ["strict"], indirect=True)
def test_a_refused_exchange_leaves_no_doubt_in_the_audit(disk: Disk) -> None:
    """Whatever was kept of refused exchanges for later never says that they were answered."""
    disk.fill()
    _until_refusing(disk)
    disk.free()
    until(lambda: disk.talk().status == 200, "service again")
    rows = until(lambda: rows if _gaps(disk) and (rows := disk.proxy.weir.records()) else None, "a gap record")
    by_exchange: dict[str, list[str]] = {}
    for row in rows:
        by_exchange.setdefault(str(row.get("exchange_id")), []).append(str(row["kind"]))
    answered = [kinds for kinds in by_exchange.values() if "response" in kinds]
    assert answered and all("request" in kinds for kinds in answered)
