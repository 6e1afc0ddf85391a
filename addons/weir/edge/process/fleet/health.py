"""The fleet's own health: all workers at one address, asked at their Unix sockets."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from weir.edge.health.readiness import Runs
    from weir.edge.health.summed import Summed

__all__ = ["Beside", "FleetHealth"]

log = logging.getLogger("weir.health")


class Beside(Protocol):
    """What the parent runs beside the workers, such as the ingester."""

    async def running(self) -> None:
        """Begin."""

    async def done(self) -> None:
        """End; the workers have ended by now."""


class FleetHealth:
    """Answers from before the first worker starts until after the last one has ended, see ``Fleet.health``.

    ``sockets`` (of the workers that serve) and ``ends`` are asked at each question.
    """

    def __init__(
        self,
        address: tuple[str, int],
        run: Path,
        sockets: Callable[[], Sequence[Path]],
        ends: Callable[[], bool],
        ingester: Runs,
    ) -> None:
        self._address, self._run, self._sockets, self._ends, self._ingester = address, run, sockets, ends, ingester
        self._summed: Summed | None = None
        self._understood = True

    async def running(self) -> None:
        """Begin to answer; that nobody can ask is told, and no reason not to serve."""
        from weir.datadir import DataDirError
        from weir.edge.health import summed
        from weir.edge.health.page import Reason
        from weir.edge.health.place import is_local_host, tell
        from weir.edge.health.readiness import INGESTER_S, Watched

        ingester = Watched(self._ingester)

        def own() -> list[Reason]:
            if self._ends():
                return [Reason("draining", "the fleet ends")]
            if not self._sockets():
                return [Reason("starting", "no worker takes connections yet")]
            missing = ingester.missing_s(time.monotonic()) > INGESTER_S
            return [Reason("ingester", "the ingester does not run")] if missing else []

        try:
            self._summed = await summed.serve(*self._address, self._sockets, own)
        except OSError as error:
            log.error("nobody can ask for weir's health: %s", error.strerror or type(error).__name__)
            return
        host, port = self._summed.address
        try:
            tell(self._run, (host, port))
        except DataDirError as error:  # then only `weir doctor` does not know
            log.warning("where weir's health can be asked for could not be noted: %s", error)
        log.info("health and metrics of all workers on %s:%d", host, port)
        if not is_local_host(host):
            log.warning("whoever reaches %s:%d can read weir's numbers: nobody is asked who he is", host, port)

    def heard(self, worker: int, counts: object) -> None:
        """A worker reports what it has counted so far."""
        if self._summed is None or not isinstance(counts, str):
            return
        try:
            self._summed.heard(str(worker), counts)
        except ValueError:
            if self._understood:  # the workers of an upgrade are of two versions for a while
                log.warning("what a worker has counted was not understood")
            self._understood = False

    async def done(self) -> None:
        """Answer no more."""
        from weir.edge.health.place import tell

        if self._summed is not None:
            tell(self._run, None)
            await self._summed.close()
