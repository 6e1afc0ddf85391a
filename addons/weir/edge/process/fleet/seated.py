"""The addon by which a worker takes part in its fleet: says that it is ready, listens to the parent, ends with it."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

from mitmproxy import ctx

from weir.edge.process.fleet.gossip import Gossip
from weir.edge.process.fleet.seat import Seat
from weir.edge.process.fleet.takeover import Takeover
from weir.edge.process.ready import Ready
from weir.edge.state import State

__all__ = ["Seated"]

log = logging.getLogger("weir.fleet")
BEAT_S = 3.0  # between two signs of life, see ``Watch``


class Seated:
    """In the chain in the place of ``Ready`` and the ingester, which are the parent's."""

    name = "seated"

    def __init__(self, state: State, seat: Seat) -> None:
        self.state, self.seat = state, seat
        self.ready = Ready(state, None, own=seat.file, who=f"worker {seat.number}: ")
        self.takeover = Takeover(seat)
        self.takeover.install()
        self.gossip = Gossip(state, seat.tell)
        self._tasks: set[asyncio.Task[None]] = set()
        self._beating: asyncio.TimerHandle | None = None

    def running(self) -> None:
        """All servers are up: from now on the parent counts on this worker."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.seat.control, self._heard)
        said = self.ready.say()
        self.seat.tell({"ready": said | {"drain_s": self.state.drain_s}})
        self._beat()
        settings = self.state.snapshot.settings
        if self.seat.number == 1 and settings.rates and settings.stores.rates is None:
            log.warning(
                "each of %d workers counts rates for itself, so a client may have as many times as much; name a Redis "
                "that they share: stores: {rates: ...}",
                self.seat.count,
            )

    def done(self) -> None:
        """Nobody listens any more."""
        if self._beating is not None:
            self._beating.cancel()
        asyncio.get_running_loop().remove_reader(self.seat.control)
        own: Path = self.state.data.run / self.seat.file
        if self.ready.is_own(own):  # else whoever took this seat has written it anew
            own.unlink(missing_ok=True)

    def _beat(self) -> None:
        self.seat.tell({"beat": 1})
        self._beating = asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def _heard(self) -> None:
        try:
            there = self.seat.heard(self._do)
        except ValueError:
            there = False
        if not there:
            asyncio.get_running_loop().remove_reader(self.seat.control)
            log.error("worker %d: the parent is gone; ending in order", self.seat.number)
            ctx.master.shutdown()

    def _do(self, said: dict[str, Any]) -> None:
        if "serve" in said:
            task = asyncio.get_running_loop().create_task(self.takeover.serve([int(slot) for slot in said["serve"]]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if "leave" in said:
            log.info("worker %d (process %d) makes room for another", self.seat.number, os.getpid())
            self.state.gentle_s = float(said["leave"])
            ctx.master.shutdown()
        if "heard" in said:
            self.gossip.heard(said["heard"])
