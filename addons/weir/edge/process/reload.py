"""Takes a changed policy whole, or keeps the one in force and says why. Also picks up changed keys and users."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from weir.datadir import write_private
from weir.edge import records
from weir.edge.state import Snapshot, State

__all__ = ["Reload"]

log = logging.getLogger("weir.policy")
POLL_S = 1.0


class Reload:
    """Watches the policy file by modification time and size; SIGHUP asks for a reload at once."""

    name = "reload"

    def __init__(self, state: State, policy: Path, build: Callable[[], Snapshot]) -> None:
        self.state = state
        self.policy = policy
        self.build = build
        self.asked = asyncio.Event()
        self._seen = self._signature()
        self._task: asyncio.Task[None] | None = None

    def _signature(self) -> tuple[int, int, int]:
        try:
            stat = self.policy.stat()
        except OSError:
            return (0, 0, 0)
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    async def running(self) -> None:
        """Begin to watch; the start itself is an event of the audit."""
        self.state.spool.put(records.event_record("config", "policy in force", self.state.snapshot.settings.hash))
        self._task = asyncio.create_task(self._watch())

    async def done(self) -> None:
        """Stop watching."""
        if self._task:
            self._task.cancel()

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.asked.wait(), POLL_S)
            forced = self.asked.is_set()
            self.asked.clear()
            self._reload_stores()
            signature = self._signature()
            if forced or signature != self._seen:
                self._seen = signature
                await self.reload()

    def _reload_stores(self) -> None:
        stores = [self.state.snapshot.sources.users]
        for store in (s for s in stores if s is not None):
            try:
                if store.reload_if_changed() and store is self.state.snapshot.sources.users:
                    self.state.snapshot.desk.forget()
            except Exception as error:  # noqa: BLE001  whatever is wrong with the new file, the old ones stay in force
                log.error("keys or users changed and can't be read, the ones in force stay: %s", error)

    async def reload(self) -> None:
        """Build the new snapshot off the loop and swap it in; on any mistake keep the old one."""
        try:
            snapshot = await asyncio.to_thread(self.build)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the new policy, the old one stays in force
            text = str(error) if isinstance(error, ValueError | OSError) else type(error).__name__
            log.error("policy not taken, the one in force stays:\n%s", text)
            self.state.spool.put(records.event_record("config", "changed policy refused, the one in force stays"))
            return
        old, self.state.snapshot = self.state.snapshot, snapshot
        snapshot.sources.start()
        old.sources.close()
        self.state.company.settle(snapshot.secrets)
        self.state.coaching.keep_only({rule.id for rule in snapshot.settings.rules if rule.then == "coach"})
        log.info("policy taken: %s → %s", old.settings.hash[:12], snapshot.settings.hash[:12])
        if old.settings.mode != snapshot.settings.mode:
            log.warning("the mode is now %s, it was %s", snapshot.settings.mode, old.settings.mode)
        self.state.spool.put(records.event_record("config", "policy taken", snapshot.settings.hash))
        if self.state.admission is not None and old.settings.stores != snapshot.settings.stores:
            log.warning("stores changed: budgets and rates stay where they are counted now until weir is restarted")
            event = "changed stores take effect when weir is restarted"
            self.state.spool.put(records.event_record("config", event, snapshot.settings.hash))
        self._say(snapshot)
        if old.engine is not snapshot.engine:
            snapshot.engine.start()
            # What is being scanned ends first; an exchange that goes on under the old policy needs no processes.
            asyncio.get_running_loop().call_later(
                old.settings.dlp.timeout_ms / 1000, threading.Thread(target=old.engine.close, daemon=True).start
            )

    def _say(self, snapshot: Snapshot) -> None:
        """Other commands read in `weir.json` what is in force."""
        path = self.state.data.run / "weir.json"
        if path.exists():
            known = json.loads(path.read_bytes())
            known |= {"mode": str(snapshot.settings.mode), "policy_hash": snapshot.settings.hash}
            write_private(path, json.dumps(known).encode())
