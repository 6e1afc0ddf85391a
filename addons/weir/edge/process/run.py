"""Runs the proxy: builds the Master, installs the signals, says when it listens."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import json
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from mitmproxy import ctx

from weir.audit.record import now_us
from weir.datadir import write_private
from weir.edge.content.writing import UNSTARTED, why_not
from weir.edge.content.writing import close as close_texts
from weir.edge.content.writing import start as start_texts
from weir.edge.process.drain import FLUSH_S
from weir.edge.process.proxy import WeirMaster, WeirNextLayer, options_for
from weir.edge.process.reload import Reload
from weir.edge.state import State

__all__ = ["Ready", "serve"]

log = logging.getLogger("weir")


class Ready:
    """Says where weir listens, to people on stderr and to programs in a file."""

    name = "ready"

    def __init__(self, state: State, ready_file: Path | None) -> None:
        self.state = state
        self.ready_file = ready_file

    def running(self) -> None:
        """All servers are up."""
        addresses = [list(a[:2]) for a in ctx.master.addons.get("proxyserver").listen_addrs()]
        places = ", ".join(f"{host}:{port}" for host, port in addresses)
        snapshot = self.state.snapshot
        settings = snapshot.settings
        log.info("listening on %s, mode %s, policy %s %s", places, settings.mode, settings.file, settings.hash[:12])
        for service, problem in snapshot.secret_problems.items():
            if service not in snapshot.secrets:  # of one that is held, its holder has told
                log.warning("%s", problem)
        ready = {
            "listen": addresses,
            "pid": os.getpid(),
            "mode": str(settings.mode),
            "policy": settings.file,
            "policy_hash": settings.hash,
            "started": now_us(),
        }
        for file in filter(None, (self.ready_file, self.state.data.run / "weir.json")):
            write_private(file, json.dumps(ready).encode())

    def done(self) -> None:
        """Nobody listens any more."""
        (self.state.data.run / "weir.json").unlink(missing_ok=True)


def _only_one(run: Path) -> IO[str] | None:
    """The lock that one weir holds on its data directory as long as it runs; None when another one has it."""
    lock = (run / "weir.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


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
    """Run until SIGTERM or SIGINT, then drain; a second signal ends at once. Returns the exit code."""
    lock = _only_one(state.data.run)
    if lock is None:
        log.error("another weir is at work on %s; stop it, or give this one a --data of its own", state.data.path)
        return 2
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
    stops = 0

    def stop() -> None:
        nonlocal stops
        stops += 1
        if stops > 1:
            log.warning("second signal: ending without waiting")
            os._exit(1)
        log.info("draining: no new connections, running exchanges get %.0f s", state.drain_s)
        master.shutdown()  # type: ignore[no-untyped-call]

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
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
