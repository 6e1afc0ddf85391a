"""The fleet's parent: starts the workers, replaces those that die, hands on signals, restarts them one by one.

It reads no traffic and loads nothing of what does; what it holds is the listening sockets, the data directory's lock
and the ingester.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weir.datadir import DataDir
from weir.edge.process.fleet.health import Beside, FleetHealth
from weir.edge.process.fleet.listening import Bound
from weir.edge.process.fleet.member import Member, ending
from weir.edge.process.fleet.notify import notify
from weir.edge.process.fleet.standing import clear, write_standing
from weir.edge.process.fleet.told import Told
from weir.edge.process.fleet.watch import HANG_S, Watch
from weir.edge.process.stops import Stops

__all__ = ["BACKOFF_S", "Fleet"]

log = logging.getLogger("weir.fleet")
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 15.0)  # before a worker that died is replaced, by how often it has lately
STEADY_S = 60.0  # a worker that has lived so long begins at the front of these again
START_S = 90.0  # for a worker to listen
GENTLE_S = 2.0  # how long a connection at rest may still bring a request to a worker that is being replaced
MORE_S = 30.0  # beyond the drain: flushing, and what is being encrypted


class Fleet:
    """``command`` starts one worker, but for its seat; ``bound`` has sockets for ``count`` of them."""

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        bound: Sequence[Bound],
        data: DataDir,
        *,
        lock: int = -1,
        ready_file: Path | None = None,
        beside: Sequence[Beside] = (),
        start_s: float = START_S,
        backoff_s: Sequence[float] = BACKOFF_S,
        hang_s: float = HANG_S,
    ) -> None:
        self._command, self._count, self._bound, self._data = command, count, bound, data
        self._lock, self._ready_file, self._beside = lock, ready_file, beside
        self._start_s, self._backoff_s, self._hang_s = start_s, backoff_s, hang_s
        self._seats: dict[int, Member] = {}  # who serves each seat now
        self._leavers: set[Member] = set()
        self._keepers: dict[int, asyncio.Task[None]] = {}
        self._told = Told(data)
        self.health: FleetHealth | None = None  # begins before the first worker and ends after the last
        self._tasks: set[asyncio.Task[Any]] = set()
        self._restarted = {"done": 0, "given_up": 0}
        self._failed = 0  # exit code of the last worker that did not come to listen
        self._stop = asyncio.Event()
        self._restart = asyncio.Event()
        self._listens = False
        self._policy: dict[str, Any] = {}
        self._started_us = time.time_ns() // 1_000

    @property
    def sockets(self) -> list[Path]:
        """Where the workers that serve now answer about their health."""
        return [self._data.run / f"health-{number}.sock" for number in sorted(self._seats)]

    @property
    def ends(self) -> bool:
        """Whether it was told to end."""
        return self._stop.is_set()

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT. The exit code: that of a worker that could not be started at first, else 0."""
        loop = asyncio.get_running_loop()
        stops = Stops(self._stop.set, self._end_now)
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stops)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR2, self._restart.set)
        if self.health is not None:
            await self.health.running()
        code = await self._start_all()
        if code is None:
            self._listens = True
            self._say()
            notify("READY=1")
            for one in self._beside:
                await one.running()
            self._keepers = {number: asyncio.create_task(self._keep(number)) for number in self._seats}
            watch = Watch(self._seats.values, self._tell, self._hang_s)
            at_work = asyncio.gather(self._restarts(), watch.run())
            await self._stop.wait()
            at_work.cancel()
        await self._end_all()
        return code or 0

    async def _start_all(self) -> int | None:
        """The exit code of the first that fails; None when all listen, or when somebody said stop meanwhile."""
        numbers = list(range(1, self._count + 1))
        # A new data directory gets its CA, its keys and its compiled patterns by one of them.
        waves = [numbers] if (self._data.path / "ca").exists() else [numbers[:1], numbers[1:]]
        for wave in waves:
            if self._stop.is_set():
                return None
            started = await asyncio.gather(*(self._seat(number) for number in wave))
            if not all(started) and not self._stop.is_set():
                return self._failed or 2
        return None

    async def _seat(self, number: int) -> bool:
        """Start the first worker of a seat; until those of others are there, it accepts what comes in for them."""
        member = await self._begin(number)
        if member is not None:
            self._seats[number] = member
            self._stand_in()
        return member is not None

    async def _begin(self, number: int) -> Member | None:
        """A worker that listens; None when it ended before, or did not in time."""
        member = Member(number, self._said)
        try:
            await member.start(self._command, self._count, self._bound, self._lock)
        except OSError as error:
            log.error("worker %d could not be started (%s)", number, error.strerror)
            return None
        ready = asyncio.create_task(member.until_ready(self._start_s))
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((ready, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if ready.done() and ready.result():
            return member
        ready.cancel()
        if member.alive:
            if not self._stop.is_set():
                log.error("worker %d did not listen within %.0f s", number, self._start_s)
            member.signal(signal.SIGKILL)
        code = await member.wait()
        if not self._stop.is_set():
            log.error("worker %d %s before it listened", number, ending(code))
        self._failed = code if code > 0 else 2
        return None

    async def _keep(self, number: int) -> None:
        """Put another into the seat whenever its worker dies."""
        failures, began = 0, time.monotonic()
        while True:
            member = self._seats[number]
            code = await member.wait()
            if self._seats[number] is not member:  # it was restarted
                began = time.monotonic()
                continue
            if member.leaving:
                return  # the fleet ends
            self._stand_in()
            self._tell(f"worker {number} (process {member.pid}) {ending(code)}; what it had open is cut")
            failures = 0 if time.monotonic() - began >= STEADY_S else failures
            new = None
            while new is None:
                pause = self._backoff_s[min(failures, len(self._backoff_s) - 1)]
                failures += 1
                log.info("worker %d: another starts %s", number, f"in {pause:g} s" if pause else "now")
                await asyncio.sleep(pause)
                began = time.monotonic()
                new = await self._begin(number)
            if self._seats[number] is not member:  # a restart was faster
                self._let_go(new, 0)
                continue
            self._seats[number] = new
            self._stand_in()
            self._say()
            self._tell(f"worker {number} is replaced (process {new.pid})", logging.INFO)

    def _tell(self, what: str, level: int = logging.ERROR) -> None:
        """Into the log, and into the audit without waiting for its disk."""
        log.log(level, "%s", what)
        task = asyncio.create_task(self._told.tell(what, self._policy_hash))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _let_go(self, member: Member, gentle_s: float) -> asyncio.Task[None]:
        self._leavers.add(member)
        member.leave(gentle_s)
        task = asyncio.create_task(self._gone(member))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _stand_in(self) -> None:
        """Let the living accept what comes in on the sockets of those that are gone, and nothing else but their own."""
        living = [member for member in self._seats.values() if member.alive and not member.leaving]
        seats = ((number, self._seats.get(number)) for number in range(1, self._count + 1))
        orphans = [number for number, member in seats if member is None or not member.alive]
        for place, member in enumerate(living):
            taken = [seat for at, seat in enumerate(orphans) if at % len(living) == place]
            member.tell({"serve": [member.number, *taken]})

    async def _restarts(self) -> None:
        """Replace all workers one after the other, whenever somebody asks for it."""
        while True:
            await self._restart.wait()
            self._restart.clear()
            log.info("restarting %d workers, one after the other", self._count)
            for number in sorted(self._seats):
                if not await self._replace(number):
                    self._restarted["given_up"] += 1
                    break
            else:
                self._restarted["done"] += 1
                self._tell("all workers are restarted", logging.INFO)
            self._say()

    async def _replace(self, number: int) -> bool:
        """Start another for this seat, then let the old one go. False, and nothing has changed, when it can't be."""
        old = self._seats[number]
        if not old.alive:
            return True  # its keeper is at it
        new = await self._begin(number)
        if new is None:
            if not self._stop.is_set():
                self._tell(f"worker {number} could not be restarted; it stays as it is, and so do those after it")
            return False
        if self._seats[number] is not old:  # it died meanwhile, and its keeper was faster
            self._let_go(new, 0)
            return True
        self._seats[number] = new
        self._stand_in()
        self._say()
        await self._let_go(old, GENTLE_S)
        return True

    async def _gone(self, member: Member) -> None:
        """Wait until it has ended; one that takes too long is killed."""
        try:
            await asyncio.wait_for(member.wait(), member.drain_s + GENTLE_S + MORE_S)
        except TimeoutError:
            log.error("process %d did not end in time and is killed", member.pid)
            member.signal(signal.SIGKILL)
            await member.wait()
        self._leavers.discard(member)

    def _said(self, member: Member, said: dict[str, Any]) -> None:
        if "counts" in said and self.health is not None:
            self.health.heard(member.number, said["counts"])
        if "say" in said:
            for other in (*self._seats.values(), *self._leavers):
                if other is not member:
                    other.tell({"heard": said["say"]})
        policy = said.get("policy")
        if isinstance(policy, dict) and self._listens:
            self._policy |= policy
            self._say()

    def _reload(self) -> None:
        for member in () if self.ends else self._seats.values():  # those that end take no other policy
            member.signal(signal.SIGHUP)

    def _end_now(self) -> None:
        log.warning("second signal: ending without waiting")
        for member in (*self._seats.values(), *self._leavers):
            member.signal(signal.SIGKILL)
        os._exit(1)

    async def _end_all(self) -> None:
        notify("STOPPING=1")
        for one in self._bound:
            one.socket.close()  # nobody is to wait in a queue that nobody empties
        for keeper in self._keepers.values():
            keeper.cancel()
        members = [member for member in (*self._seats.values(), *self._leavers) if member.alive]
        if members:
            log.info("draining %d workers", len(members))
        for member in members:
            member.leaving = True
            member.signal(signal.SIGTERM)
        await asyncio.gather(*(self._gone(member) for member in members))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=MORE_S)
        for other in reversed((*filter(None, [self.health]), *self._beside)):
            await other.done()
        clear(self._data.run)

    @property
    def _policy_hash(self) -> str:
        return str(self._policy.get("policy_hash", ""))

    def _say(self) -> None:
        first = next((member.ready for _, member in sorted(self._seats.items()) if member.ready), {})
        self._policy = {name: first.get(name, "") for name in ("mode", "policy", "policy_hash")} | self._policy
        said = {**self._policy, "started": self._started_us, "restarts": self._restarted}
        write_standing(self._data.run, self._ready_file, self._bound, self._seats, said)
