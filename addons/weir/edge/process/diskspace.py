"""Watches the room that is left for what weir writes: says so when it gets little, before nothing is written."""

from __future__ import annotations

import asyncio
import logging

from weir.audit.spool.room import shown
from weir.edge import records
from weir.edge.net import Net
from weir.edge.state import State
from weir.sections_audit import Disk

__all__ = ["DiskSpace"]

log = logging.getLogger("weir.disk")
LOOK_S = 1.0
_SLACK = 1.05  # room is good again when there is so much more than the limit: else it is told at every turn


class DiskSpace:
    """Tells the log and the audit when free space falls below `audit.disk.warn` or `floor`, and when it is back."""

    name = "disk"

    def __init__(self, state: State) -> None:
        self.state = state
        self._level = 0  # 0: enough, 1: below warn, 2: below floor
        self._task: asyncio.Task[None] | None = None

    async def running(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._watch())

    async def done(self) -> None:
        """Stop watching."""
        if self._task:
            self._task.cancel()

    async def _watch(self) -> None:
        net = Net(log.error, "the room on the disk could not be looked at")
        while True:
            with net:
                await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Compare the room with what the policy says now, and tell what changed. A file system that does not answer
        keeps a thread waiting and not the event loop."""
        room = self.state.spool.room
        if room is None:
            return
        room.disk = self.state.snapshot.settings.audit.disk
        self._compare(await asyncio.to_thread(room.free), room.disk)

    def _compare(self, free: int, disk: Disk) -> None:
        settings = self.state.snapshot.settings
        level = 2 if free < disk.floor else 1 if free < disk.warn else 0
        if level < self._level and free < _SLACK * (disk.warn, disk.floor)[self._level - 1]:
            return
        if level == self._level:
            return
        self._level, before = level, self._level
        if level == 2:
            then = f"nothing is written, on_failure decides: {settings.on_failure}"
            says = f"{shown(free)} free on the disk, below audit.disk.floor ({shown(disk.floor)}): {then}"
            log.error("%s; make room below %s", says, self.state.data.path)
        elif level == 1:
            again = "; records are written again" if before == 2 else ""
            says = f"{shown(free)} free on the disk, below audit.disk.warn ({shown(disk.warn)}){again}"
            log.warning("%s; make room below %s", says, self.state.data.path)
        else:
            says = f"{shown(free)} free on the disk: enough again"
            log.info("%s", says)
        self.state.spool.put(records.event_record("config", says, settings.hash))
