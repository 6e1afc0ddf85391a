"""Runs the proxy: builds the Master, installs the signals, says when it listens."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
from collections.abc import Sequence

from weir.edge.content.writing import UNSTARTED, why_not
from weir.edge.content.writing import close as close_texts
from weir.edge.content.writing import start as start_texts
from weir.edge.process.drain import FLUSH_S
from weir.edge.process.only import gather_owed, only_one
from weir.edge.process.proxy import WeirMaster, WeirNextLayer, options_for
from weir.edge.process.reload import Reload
from weir.edge.process.stops import Stops
from weir.edge.state import State

__all__ = ["serve"]

log = logging.getLogger("weir")


async def serve(
    state: State,
    addons: tuple[Sequence[object], Sequence[object]],
    tls: object,
    reload: Reload,
    *,
    modes: Sequence[str],
    host: str,
    port: int,
) -> int:
    """Run until SIGTERM or SIGINT, then drain; a second signal, later, ends at once. Returns the exit code."""
    lock = state.seat or only_one(state.data)  # kept to the end; a fleet's parent holds that of its workers
    if lock is None:
        return 2
    if state.seat is None:
        gather_owed(state.data, state.data.owed)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS has a bound below the one it names
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    first, rest = addons
    options, late = options_for(modes, host, port, str(state.data.run), str(state.upstream_bundle))

    def must_decrypt(destination: str) -> bool:
        return state.snapshot.interception.must(destination)

    state.spool.start()
    try:
        start_texts(state)
    except UNSTARTED as error:
        log.error("the texts that audit.content wants kept cannot be: %s", why_not(error))
        state.spool.close(FLUSH_S)
        return 2
    gc.collect()
    gc.freeze()  # patterns, catalogues and policies live for ever: no collection needs to walk them again
    master = WeirMaster(options, first, tls, WeirNextLayer(must_decrypt), [*rest, reload])
    master.options.update(**late)
    loop = asyncio.get_running_loop()

    def drain() -> None:
        log.info("draining: no new connections, running exchanges get %.0f s", state.drain_s)
        master.shutdown()  # type: ignore[no-untyped-call]

    def end() -> None:
        log.warning("second signal: ending without waiting")
        os._exit(1)

    stop = Stops(drain, end)
    loop.add_signal_handler(signal.SIGTERM, stop)
    # A terminal sends it to the parent and to its workers: those end when the parent says so.
    loop.add_signal_handler(signal.SIGINT, stop if state.seat is None else lambda: None)
    loop.add_signal_handler(signal.SIGUSR2, lambda: log.warning("one process alone is restarted by ending it"))
    loop.add_signal_handler(signal.SIGHUP, reload.asked.set)
    try:
        await master.run()
    except SystemExit as error:  # mitmproxy ends so when it can't listen
        log.error("could not listen on %s:%s; is another process on this address?", host, port)
        return int(error.code or 1)
    finally:
        # A drain that failed half-way must not take records with it that wait in the queue.
        await asyncio.to_thread(close_texts, state, FLUSH_S)
        if state.first_seen is not None:
            await asyncio.to_thread(state.first_seen.close)
        await asyncio.to_thread(state.spool.close, FLUSH_S)
    return 0
