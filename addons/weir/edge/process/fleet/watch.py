"""Finds the worker that lives and does nothing: stopped, or stuck in a loop. It would hold its connections for ever."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Collection

from weir.edge.process.fleet.member import Member

__all__ = ["HANG_S", "Watch"]

log = logging.getLogger("weir.fleet")
HANG_S = 30.0  # without a sign of life; a worker gives one every few seconds, see ``Seated``


class Watch:
    """``members``: those that serve, asked at each look; ``tell``: into log and audit."""

    def __init__(
        self, members: Callable[[], Collection[Member]], tell: Callable[[str], None], hang_s: float = HANG_S
    ) -> None:
        self._members, self._tell, self._hang_s = members, tell, hang_s

    async def run(self) -> None:
        """Look until cancelled. Whoever is found is killed; its keeper puts another into its seat."""
        pause, looked = self._hang_s / 10, time.monotonic()
        while True:
            await asyncio.sleep(pause)
            now = time.monotonic()
            if now - looked > self._hang_s / 2:  # it was this process that stood still: the signs wait to be read
                for member in self._members():
                    member.beat = now if member.beat else 0.0
            looked = now
            for member in self._members():
                silent = now - member.beat
                if member.beat and member.alive and not member.leaving and silent > self._hang_s:
                    member.beat = 0.0  # told once
                    self._tell(
                        f"worker {member.number} (process {member.pid}) has given no sign of life for {silent:.0f} s "
                        "and is killed"
                    )
                    member.signal(signal.SIGKILL)
