"""A worker that lives and does nothing is found; a busy, a leaving or an older one is left alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from weir.edge.process.fleet.member import Member
from weir.edge.process.fleet.watch import HANG_S, Watch

BEATS = """
import json, socket, sys, time
seat = json.loads(sys.argv[sys.argv.index("--seat") + 1])
line = socket.socket(fileno=seat["control"])
line.sendall(b'{"ready": {}}\\n')
while True:
    if seat["number"] != 3:  # 3: of a version that gives no signs
        line.sendall(b'{"beat": 1}\\n')
    time.sleep(0.02)
"""


async def test_one_that_is_stopped_is_killed_and_told() -> None:
    said: list[str] = []
    members: list[Member] = []
    for number in (1, 2, 3, 4):
        member = Member(number, lambda *_: None)
        await member.start([sys.executable, "-c", BEATS], 4, [], -1)
        members.append(member)
    stopped, well, old, leaves = members
    async with asyncio.timeout(60):
        while not all(one.ready == {} and (one.beat or one is old) for one in members):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        leaves.leaving = True
        for one in (stopped, leaves):
            os.kill(one.pid, signal.SIGSTOP)
        watch: asyncio.Task[Any] = asyncio.create_task(Watch(lambda: members, said.append, 4.0).run())
        assert await stopped.wait() == -signal.SIGKILL
        watch.cancel()
    assert well.alive and old.alive and leaves.alive
    assert len(said) == 1 and said[0].startswith(f"worker 1 (process {stopped.pid}) has given no sign of life for ")
    for one in (well, old, leaves):
        one.signal(signal.SIGKILL)
        await one.wait()


async def test_that_the_parent_itself_stood_still_is_nobodys_fault(monkeypatch: Any) -> None:
    now = [100.0]
    monkeypatch.setattr("weir.edge.process.fleet.watch.time.monotonic", lambda: now[0])
    member = Member(1, lambda *_: None)
    member.beat = 100.0
    looks = asyncio.Event()

    def members() -> list[Member]:
        looks.set()
        return [member]

    watch = asyncio.create_task(Watch(members, lambda what: None, 0.5).run())
    await asyncio.sleep(0)
    now[0] = 4000.0
    await looks.wait()
    assert member.beat == 4000.0
    watch.cancel()


def test_the_time_is_generous() -> None:
    from weir.edge.process.fleet.seated import BEAT_S

    assert HANG_S >= 5 * BEAT_S
