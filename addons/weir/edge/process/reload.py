"""Takes a changed policy whole, or keeps the one in force and says why. Also picks up changed keys and users."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from weir.datadir import write_private
from weir.dlp.core.engine import Engine
from weir.edge import records
from weir.edge.content.writing import FLUSH_S, prepare
from weir.edge.identity.unseen import again
from weir.edge.net import Net
from weir.edge.process.allocator import give_back
from weir.edge.process.policies import keep_policy
from weir.edge.state import Snapshot, State
from weir.edge.tenancy import overtake

__all__ = ["Reload"]

log = logging.getLogger("weir.policy")
POLL_S = 1.0
AGAIN_S = 5.0  # who has a connection that passes undecrypted is asked about so often


def _end(engine: Engine) -> None:
    """End what only an engine that was followed by another one needs, and give back the memory of both their making."""
    engine.close()
    give_back()


class Reload:
    """Watches the policy file by modification time and size; SIGHUP asks for a reload at once."""

    name = "reload"

    def __init__(self, state: State, policy: Path, build: Callable[[], Snapshot]) -> None:
        self.state = state
        self.policy = policy
        self.build = build
        self.asked = asyncio.Event()
        self.taken = self.refused = 0  # changed policies so far
        self._seen = self._signature()
        self._again = 0.0
        self._task: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._net = Net(log.error, "connections that stand could not be asked about")

    def _signature(self) -> tuple[int, int, int]:
        try:
            stat = self.policy.stat()
        except OSError:
            return (0, 0, 0)
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    async def running(self) -> None:
        """Begin to watch; the start itself is an event of the audit."""
        await asyncio.to_thread(keep_policy, self.state.data, self.state.snapshot.settings)
        self.state.spool.put(records.event_record("config", "policy in force", self.state.snapshot.settings.hash))
        self._task = asyncio.create_task(self._watch())

    async def done(self) -> None:
        """Stop watching."""
        self.stop()

    def stop(self) -> None:
        """Look at nothing any more: whatever there is to say of it, nobody would write it down."""
        for task in (self._task, self._asking):
            if task:
                task.cancel()

    async def _watch(self) -> None:
        net = Net(log.error, "a change could not be followed")  # who ends here follows none: a removed user stays
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.asked.wait(), POLL_S)
            forced = self.asked.is_set()
            self.asked.clear()
            with net:
                await self._look(forced=forced)

    async def _look(self, *, forced: bool) -> None:
        await self._reload_users()
        signature = self._signature()
        if forced or signature != self._seen:
            self._seen = signature
            if self.state.draining:
                log.info("no policy is taken any more: weir ends")
                return
            await self.reload()
            self._again = 0.0
        if time.monotonic() >= self._again and (self._asking is None or self._asking.done()):
            self._again = time.monotonic() + AGAIN_S
            # Beside this: a directory may take long for each of them, and the next change is not to wait for that.
            self._asking = asyncio.create_task(self._ask_again())

    async def _ask_again(self) -> None:
        with self._net:
            await again(self.state)

    async def _reload_users(self) -> None:
        snapshot = self.state.snapshot
        users = snapshot.sources.users
        if users is None:
            return
        try:
            if await asyncio.to_thread(users.reload_if_changed):  # thousands of lines are work
                snapshot.desk.forget()
        except Exception as error:  # noqa: BLE001  whatever is wrong with the new file, the old one stays in force
            text = str(error) if isinstance(error, ValueError | OSError) else type(error).__name__
            log.error("changed users not taken, those in force stay:\n%s", text)
            event = "changed users refused, those in force stay"
            self.state.spool.put(records.event_record("config", event, snapshot.settings.hash))

    async def reload(self) -> None:
        """Build the new snapshot off the loop and swap it in; on any mistake keep the old one."""
        try:
            snapshot = await asyncio.to_thread(self.build)
            exchange = await asyncio.to_thread(prepare, self.state, snapshot)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the new policy, the old one stays in force
            text = str(error) if isinstance(error, ValueError | OSError) else type(error).__name__
            log.error("policy not taken, the one in force stays:\n%s", text)
            self.refused += 1
            self.state.spool.put(records.event_record("config", "changed policy refused, the one in force stays"))
            self.state.company.settle(self.state.snapshot.secrets)  # nobody fetches what the refused one named
            return
        if self.state.draining:  # it began before that
            log.info("no policy is taken any more: weir ends")
            self.state.company.settle(self.state.snapshot.secrets)
            return
        await asyncio.to_thread(keep_policy, self.state.data, snapshot.settings)
        old = self.state.snapshot
        self.state.take(snapshot)
        left = exchange()
        self.taken += 1
        if left is not None:
            threading.Thread(target=left.close, args=(FLUSH_S,), daemon=True).start()
        snapshot.sources.start()
        old.sources.close()
        overtake(snapshot)
        self.state.company.settle(snapshot.secrets)
        self.state.coaching.keep_only({rule.id for rule in snapshot.settings.rules if rule.then == "coach"})
        log.info("policy taken: %s → %s", old.settings.hash[:12], snapshot.settings.hash[:12])
        if old.settings.mode != snapshot.settings.mode:
            log.warning("the mode is now %s, it was %s", snapshot.settings.mode, old.settings.mode)
        self.state.spool.put(records.event_record("config", "policy taken", snapshot.settings.hash))
        before, now = old.settings.stores, snapshot.settings.stores
        if before.budgets != now.budgets or (self.state.admission is not None and before != now):
            log.warning("stores changed: virtual keys, budgets and rates stay where they are until weir is restarted")
            event = "changed stores take effect when weir is restarted"
            self.state.spool.put(records.event_record("config", event, snapshot.settings.hash))
        if old.engine is not snapshot.engine:
            snapshot.engine.start()
            # What is being scanned ends first; an exchange that goes on under the old policy needs no processes.
            ending = threading.Thread(target=_end, args=(old.engine,), daemon=True)
            asyncio.get_running_loop().call_later(old.settings.dlp.timeout_ms / 1000, ending.start)
        self._say(snapshot)  # last: a full disk keeps nothing of the above from being done

    def _say(self, snapshot: Snapshot) -> None:
        """Other commands read in `weir.json` what is in force."""
        seat, now = self.state.seat, {"mode": str(snapshot.settings.mode), "policy_hash": snapshot.settings.hash}
        if seat is not None:
            seat.tell({"policy": now})
        path = self.state.data.run / (seat.file if seat else "weir.json")
        if path.exists():
            known = json.loads(path.read_bytes())
            write_private(path, json.dumps(known | now).encode())
