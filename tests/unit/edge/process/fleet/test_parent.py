"""The fleet's parent, with small programs in the place of workers: who starts, who is replaced, who ends when."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from weir.audit.spool.chain import replay
from weir.datadir import DataDir
from weir.edge.process.fleet import parent
from weir.edge.process.fleet.listening import Bound, bind
from weir.edge.process.fleet.parent import Fleet

WORKER = """
import json, os, signal, socket, sys, time
seat = json.loads(sys.argv[sys.argv.index("--seat") + 1])
line, folder = socket.socket(fileno=seat["control"]), sys.argv[1]
log = open(f"{folder}/{seat['number']}-{os.getpid()}.log", "a", buffering=1)
if os.path.exists(f"{folder}/refuse"):
    sys.exit(4)
signal.signal(signal.SIGHUP, lambda *_: log.write("hup\\n"))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if seat["number"] == 2:
    while os.path.exists(f"{folder}/wait"):
        time.sleep(0.01)
line.sendall(b'{"counts": "[]"}\\n')
line.sendall(b'{"ready": {"mode": "observe", "policy": "p", "policy_hash": "h", "drain_s": 1}}\\n')
while data := line.recv(10000):
    log.write(data.decode())
    if b"leave" in data:
        sys.exit(0)
"""


@pytest.fixture
def bound() -> Iterator[list[Bound]]:
    made = bind([("127.0.0.1", 0)], 2)
    yield made
    for one in made:
        one.socket.close()


class Beside:
    def __init__(self, steps: list[str]) -> None:
        self.steps = steps

    async def running(self) -> None:
        self.steps.append("running")

    async def done(self) -> None:
        self.steps.append("done")


class Health(Beside):
    def heard(self, worker: int, counts: object) -> None:
        assert counts == "[]"
        self.steps.append(f"{worker} told")

    async def running(self) -> None:
        self.steps.append("asked")

    async def done(self) -> None:
        self.steps.append("asked no more")


class Run:
    """A fleet of two at work."""

    def __init__(self, folder: Path, bound: list[Bound]) -> None:
        self.folder, self.data, self.steps = folder, DataDir(folder / "data"), list[str]()
        self.beside = Beside(self.steps)
        command = [sys.executable, "-c", WORKER, str(folder)]
        self.fleet = Fleet(
            command, 2, bound, self.data, ready_file=folder / "ready.json", beside=[self.beside],
            backoff_s=(0.0, 0.05),
        )  # fmt: skip
        self.task = asyncio.create_task(self.fleet.run())

    def told(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.data.run / "weir.json").read_text())
        except FileNotFoundError:
            return {"workers": []}
        return found

    def pids(self) -> list[int]:
        return [one["pid"] for one in self.told()["workers"]]

    async def until(self, wanted: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not wanted():
                assert not self.task.done(), self.task
                await asyncio.sleep(0.01)

    def heard(self, pid: int) -> str:
        (file,) = self.folder.glob(f"*-{pid}.log")
        return file.read_text()

    async def end(self) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return await asyncio.wait_for(self.task, 60)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    kept = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)}
    yield
    for name, handler in kept.items():
        signal.signal(name, handler)


async def test_a_fleet_lives_and_ends(tmp_path: Path, bound: list[Bound]) -> None:
    (tmp_path / "wait").touch()
    run = Run(tmp_path, bound)
    run.fleet.health = Health(run.steps)  # type: ignore[assignment]
    await run.until(lambda: "1 told" in run.steps)
    await run.until(lambda: [path.name for path in run.fleet.sockets] == ["health-1.sock"])
    await run.until(lambda: any('{"serve": [1, 2]}' in file.read_text() for file in tmp_path.glob("1-*.log")))
    run.steps.append("1 listens")
    (tmp_path / "wait").unlink()
    await run.until(lambda: len(run.pids()) == 2 and (tmp_path / "ready.json").exists())
    told = run.told()
    assert told["pid"] == os.getpid() and told["listen"] == [list(bound[0].socket.getsockname())]
    assert (told["mode"], told["policy_hash"]) == ("observe", "h")
    first, second = run.pids()
    os.kill(os.getpid(), signal.SIGHUP)
    await run.until(lambda: "hup" in run.heard(first) and "hup" in run.heard(second))
    assert await run.end() == 0
    assert run.steps == ["asked", "1 told", "1 listens", "2 told", "running", "done", "asked no more"]
    assert not (run.data.run / "weir.json").exists() and run.fleet.ends
    assert all(one.socket.fileno() == -1 for one in bound), "nobody waits in a queue that nobody empties"


async def test_a_killed_worker_is_replaced_after_the_others_stood_in(tmp_path: Path, bound: list[Bound]) -> None:
    run = Run(tmp_path, bound)
    await run.until(lambda: len(run.pids()) == 2)
    first, second = run.pids()
    (tmp_path / "refuse").touch()  # whoever is started now ends at once
    os.kill(first, signal.SIGKILL)
    await run.until(lambda: len(list(tmp_path.glob("1-*.log"))) >= 3)
    (tmp_path / "refuse").unlink()
    await run.until(lambda: run.pids()[0] != first)
    assert run.pids()[1] == second
    await run.until(lambda: run.heard(second).endswith('{"serve": [2]}\n'))
    assert run.heard(second).splitlines()[-2:] == ['{"serve": [2, 1]}', '{"serve": [2]}']
    await run.end()
    whys = [row["reason"] for row in replay(run.data.spool)]
    assert f"worker 1 (process {first}) was killed by SIGKILL; what it had open is cut" in whys
    assert any("worker 1 is replaced" in why for why in whys)


async def test_a_worker_is_replaced_where_its_place_can_not_be_noted(tmp_path: Path, bound: list[Bound]) -> None:
    run = Run(tmp_path, bound)
    await run.until(lambda: len(run.pids()) == 2)
    (tmp_path / "ready.json").unlink()
    (tmp_path / "ready.json").mkdir()  # as on a full disk, it can't be written any more
    for _ in range(2):  # the first keeper must not have ended over it
        first, second = run.pids()
        os.kill(first, signal.SIGKILL)
        await run.until(lambda first=first: run.pids()[0] != first)
        assert run.pids()[1] == second
    assert await run.end() == 0


async def test_a_restart_is_one_after_the_other_and_needs_new_ones_that_start(
    tmp_path: Path, bound: list[Bound]
) -> None:
    run = Run(tmp_path, bound)
    await run.until(lambda: len(run.pids()) == 2)
    before = run.pids()
    (tmp_path / "refuse").touch()
    os.kill(os.getpid(), signal.SIGUSR2)
    await run.until(lambda: run.told()["restarts"]["given_up"] == 1)
    assert run.pids() == before
    (tmp_path / "refuse").unlink()
    os.kill(os.getpid(), signal.SIGUSR2)
    await run.until(lambda: run.told()["restarts"]["done"] == 1)
    assert not set(before) & set(run.pids())
    assert all('{"leave": 2.0}' in run.heard(pid) for pid in before)
    assert await run.end() == 0


async def test_a_fleet_that_cannot_start_says_so(tmp_path: Path, bound: list[Bound]) -> None:
    (tmp_path / "refuse").touch()
    run = Run(tmp_path, bound)
    assert await asyncio.wait_for(run.task, 60) == 4
    assert run.beside.steps == ["done"]


def test_what_waits_is_bounded() -> None:
    assert parent.BACKOFF_S[-1] <= 60 and list(parent.BACKOFF_S) == sorted(parent.BACKOFF_S)
