"""``weir audit ingest``: the ingester by itself, where no ``weir run`` watches over one."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from weir.cli.options import DATA, DataOption, need_data

__all__ = ["ingest"]


def ingest(
    data: DataOption = DATA,
    policy: Annotated[
        Path | None, typer.Option(help="Policy file: how long what is kept, where checkpoints go.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One round, then exit.")] = False,
    interval_s: Annotated[float, typer.Option(min=0.05, help="Seconds between rounds.")] = 0.5,
) -> None:
    """Bring the spool into the store until SIGTERM; weir run does it by itself. Only one works on a store at a time."""
    need_data("audit ingest", data)
    from weir.audit.ingester.process import work_on

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if once:
        stop.set()
    raise typer.Exit(work_on(data, policy, stop, interval_s, _secret))


def _secret(reference: str) -> str:
    from weir.keys.secrets import yields

    return yields(reference)
