"""Says where weir listens, to people on stderr and to programs in a file."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from mitmproxy import ctx

from weir.audit.record import now_us
from weir.datadir import write_private
from weir.edge.process.fleet.notify import notify
from weir.edge.state import State

__all__ = ["Ready"]

log = logging.getLogger("weir")


class Ready:
    """``ready_file`` is the operator's, ``own`` the name in ``run/`` that other commands read."""

    name = "ready"

    def __init__(self, state: State, ready_file: Path | None, own: str = "weir.json", who: str = "") -> None:
        self.state = state
        self.ready_file = ready_file
        self.own = own
        self.who = who  # before what people read

    def running(self) -> None:
        """All servers are up."""
        self.say()
        notify("READY=1")

    def say(self) -> dict[str, Any]:
        """Tell it; what the files hold."""
        addresses = [list(a[:2]) for a in ctx.master.addons.get("proxyserver").listen_addrs()]
        places = ", ".join(dict.fromkeys(f"{host}:{port}" for host, port in addresses))
        snapshot = self.state.snapshot
        settings = snapshot.settings
        log.info(
            "%slistening on %s, mode %s, policy %s %s",
            self.who,
            places,
            settings.mode,
            settings.file,
            settings.hash[:12],
        )
        seat = self.state.seat
        tells = seat is None or seat.number == 1  # of what several workers have in common one tells
        for service, problem in snapshot.secret_problems.items() if tells else ():
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
        for file in filter(None, (self.ready_file, self.state.data.run / self.own)):
            write_private(file, json.dumps(ready).encode())
        return ready

    def is_own(self, file: Path) -> bool:
        """Whether ``file`` speaks of this process."""
        try:
            said = json.loads(file.read_bytes())
        except (OSError, ValueError):
            return False
        return isinstance(said, dict) and said.get("pid") == os.getpid()

    def done(self) -> None:
        """Nobody listens any more."""
        notify("STOPPING=1")
        (self.state.data.run / self.own).unlink(missing_ok=True)
