"""health in the chain: gathers what there is to say of this process, and answers at the listener's socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx
from mitmproxy.proxy import server_hooks
from mitmproxy.tls import TlsData
from prometheus_client.core import Metric

from weir.datadir import DataDirError
from weir.edge.health import portable
from weir.edge.health.counted import CountedSpool
from weir.edge.health.counts import Counts
from weir.edge.health.departed import counted
from weir.edge.health.families import Figures, families
from weir.edge.health.lag import LATE_MAX_S, LoopLag
from weir.edge.health.looking import NOTHING_YET, look
from weir.edge.health.page import Page, Readiness
from weir.edge.health.place import is_local, tell
from weir.edge.health.readiness import Runs, Watched, readiness
from weir.edge.health.server import Server
from weir.edge.net import Net
from weir.edge.process.reload import Reload
from weir.edge.state import State
from weir.edge.trace import open_traces
from weir.places import version

if TYPE_CHECKING:
    from weir.edge.process.fleet.seat import Seat

__all__ = ["Health"]

log = logging.getLogger("weir.health")
LOOK_S = 5.0
TELL_S = 3.0  # a worker that is killed takes with it what it has counted since it told the parent the last time
_FLUSH_S = 2.0


class Health:
    """Answers from the start of the proxy to its very end, also while it drains. ``address``: where, on TCP."""

    name = "health"

    def __init__(
        self, state: State, sock: socket.socket, *, reload: Reload | None = None, ingester: Runs | None = None
    ) -> None:
        """``sock`` is bound and becomes this addon's (``place.tcp`` and ``place.unix`` make one).

        ``ingester``: who keeps it running; None where another process does.
        """
        self.state, self._sock, self._reload = state, sock, reload
        self._ingester = Watched(ingester)
        counted = state.spool if isinstance(state.spool, CountedSpool) else None
        self.counts = Counts() if counted is None else counted.counts
        self._spool_max = 0 if counted is None else counted.queue_max
        self._version = version()  # it is read from a file
        self._lag = LoopLag()
        self._looked = NOTHING_YET
        self._started = time.time()
        internal = sock.family == socket.AF_UNIX
        self._page = Page(self._families, self._ready, self._alive, internal=internal)
        self._server = Server(self._page.answer)
        self._pool = ThreadPoolExecutor(1, "weir-health-look")
        self._looking: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self.address: tuple[str, int] | None = None if internal else sock.getsockname()[:2]

    async def running(self) -> None:
        """Begin to answer."""
        self._lag.start()
        self._looking = asyncio.create_task(self._look())
        if self.state.seat is not None:
            self._telling = asyncio.create_task(self._tell())
        try:
            await self._server.start(self._sock)
        except OSError as error:
            log.error("nobody can ask for weir's health: %s", error.strerror or type(error).__name__)
            return
        if self.address is not None:
            try:
                await asyncio.to_thread(tell, self.state.data.run, self.address)
            except DataDirError as error:  # then only `weir doctor` does not know
                log.warning("where weir's health can be asked for could not be noted: %s", error)
            log.info("health and metrics on %s:%d", *self.address)
            if not is_local(self._sock):
                log.warning("whoever reaches %s:%d can read weir's numbers: nobody is asked who he is", *self.address)

    async def done(self) -> None:
        """Answer no more; a worker's parent learns what it has counted in all."""
        if self.address is not None:
            tell(self.state.data.run, None)
        for task in (self._looking, self._telling):
            if task is not None:
                task.cancel()
        if (seat := self.state.seat) is not None:
            with Net(log.error, "what was counted could not be told to the parent"):
                await self._page.give(partial(_tell, seat))  # everything is recorded by now
                await asyncio.to_thread(seat.flush, _FLUSH_S)
        self._lag.stop()
        self._page.close()
        await self._server.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def server_connect_error(self, _: server_hooks.ServerConnectionHookData) -> None:
        """An upstream could not be reached."""
        self.counts.upstream["connect"] += 1

    def tls_failed_server(self, _: TlsData) -> None:
        """An upstream's certificate was not good, or it spoke no TLS."""
        self.counts.upstream["tls"] += 1

    async def _look(self) -> None:
        net = Net(log.error, "disks and stores could not be looked at")
        loop = asyncio.get_running_loop()
        state = self.state
        while not state.draining:  # its stores are let go of then
            with net:
                admission = None
                if state.limits is not None:
                    from weir.edge.limits.limiting import admission_of

                    admission = admission_of(state)
                self._looked = await loop.run_in_executor(
                    self._pool, look, state.data.path, state.spool.room, admission
                )
            await asyncio.sleep(LOOK_S)

    async def _tell(self) -> None:
        net, seat = Net(log.error, "what was counted could not be told to the parent"), self.state.seat
        while seat is not None:
            with net:
                await self._page.give(partial(_tell, seat))
            await asyncio.sleep(TELL_S)

    async def _ready(self) -> Readiness:
        return readiness(self.state, self._looked, self._ingester)

    def _alive(self) -> tuple[bool, Mapping[str, Any]]:
        late_s = self._lag.late_s()
        return late_s <= LATE_MAX_S, {"loop_lag_ms": round(late_s * 1000, 1)}

    async def _families(self) -> Callable[[], Sequence[Metric]]:
        return partial(families, self._figures())

    def _figures(self) -> Figures:
        state, settings = self.state, self.state.snapshot.settings
        queues = {"spool": (state.spool.lag, self._spool_max), "encrypting": (len(state.sealing), 0)}
        queues |= {f"workers-{lane}": depth for lane, depth in state.workers.depths().items()}
        healthy = {"spool": state.spool.healthy, "keys-store": not state.virtual_keys.trouble}
        if state.content is not None:
            queues["texts"] = (state.content.lag, 0)
            healthy["texts"] = state.content.healthy
        if (alive := self._ingester.alive) is not None:
            healthy["ingester"] = alive
        connections = 0
        with contextlib.suppress(AttributeError):  # no proxy around us
            connections = len(ctx.master.addons.get("proxyserver").connections)
        reloads = {} if self._reload is None else {"taken": self._reload.taken, "refused": self._reload.refused}
        return Figures(
            counts=self.counts,
            lag=self._lag.slots,
            looked=self._looked,
            started=self._started,
            info={"version": self._version, "mode": str(settings.mode), "policy": settings.hash[:12]},
            ready=not readiness(state, self._looked, self._ingester).reasons,
            draining=state.draining,
            connections=connections,
            exchanges=len(open_traces()),
            queues=queues,
            healthy=healthy,
            reloads=reloads,
            owed=state.admission.owed if state.admission is not None else 0,
        )


def _tell(seat: Seat, families: Sequence[Metric]) -> None:
    """Report to the parent what is counted of these numbers."""
    seat.tell({"counts": portable.dumps(counted(families)).decode()})
