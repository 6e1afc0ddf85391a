"""What commands and programs read of a fleet: where it listens, and who serves."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weir.datadir import DataDirError, write_private
from weir.edge.process.fleet.listening import Bound
from weir.edge.process.fleet.member import Member

__all__ = ["clear", "write_standing"]

log = logging.getLogger("weir.fleet")


def write_standing(
    run: Path, ready_file: Path | None, bound: Sequence[Bound], seats: Mapping[int, Member], more: Mapping[str, Any]
) -> None:
    """Write ``run/weir.json`` and then the operator's own file.

    What can't be written (a full disk) is logged and left: the workers serve all the same, and are to be replaced.
    """
    listen: list[list[Any]] = []
    for one in bound:
        address = list(one.socket.getsockname()[:2])
        if address not in listen:
            listen.append(address)
    workers = [
        {"number": number, "pid": member.pid, "started": member.ready.get("started")}
        for number, member in sorted(seats.items())
    ]
    said = {"listen": listen, "pid": os.getpid(), **more, "workers": workers}
    for file in filter(None, (run / "weir.json", ready_file)):
        try:
            write_private(file, json.dumps(said).encode())
        except DataDirError as error:
            log.error("who serves could not be noted: %s", error)


def clear(run: Path) -> None:
    """Take away what the fleet, and workers that were killed, have left there."""
    for pattern in ("weir.json", "worker-*.json", "health-*.sock"):
        for left in run.glob(pattern):
            left.unlink(missing_ok=True)
