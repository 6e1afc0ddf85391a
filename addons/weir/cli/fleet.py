"""`weir run --workers N` and `weir restart`: the parent of several proxy processes, and who asks it for fresh ones."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from weir.cli.options import DATA
from weir.cli.output import fail
from weir.cli.running import restarts_of, running, workers_of

__all__ = ["lead", "restart", "worker_command"]

log = logging.getLogger("weir")
_PARENTS = frozenset({"workers", "seat", "ready_file"})  # options that are no worker's


def worker_command(context: typer.Context) -> list[str]:
    """The command line of one worker but for its seat: that of this command, whatever options it has."""
    command = [sys.executable, "-m", "weir.cli", "run"]
    for option in context.command.params:
        name, value = option.name or "", context.params.get(option.name or "")
        if name in _PARENTS or value is None or name == "context":
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            command += [option.opts[0], str(one)]
    return command


def lead(
    context: typer.Context, data: Path, policy: Path, modes: Sequence[str], listen: tuple[str, int], workers: int
) -> int:
    """Run the fleet's parent until it is told to stop; the exit code."""
    from weir.cli.run import split_listen, taken
    from weir.datadir import DataDir, DataDirError
    from weir.edge.process.dumps import forbid_dumps
    from weir.edge.process.fleet.listening import bind, places_of
    from weir.edge.process.fleet.parent import Fleet
    from weir.edge.process.ingester import Ingester
    from weir.edge.process.only import gather_owed, only_one
    from weir.edge.process.said import quiet_logging
    from weir.edge.process.stops import to_the_end
    from weir.filemodes import AS_ROOT

    quiet_logging()
    forbid_dumps()
    host, port = listen
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        places = places_of(modes, host, port)
    except ValueError as error:
        raise fail("run", str(error), 2) from None
    problem = taken(modes, host, port)
    if problem:
        other = running(data)
        who = f"weir, process {other.pid}, does" if other and other.answers_at(host, port) else problem
        raise fail("run", f"cannot listen on {where} ({who}); choose another address with --listen")
    try:
        directory = DataDir(data)
        lock = only_one(directory)
        if lock is None:
            return 2
        gather_owed(directory, directory.path / "limits-owed-1.jsonl")
        bound = bind(places, workers)
    except DataDirError as error:
        raise fail("run", str(error), 2) from None
    except OSError as error:
        raise fail("run", f"cannot listen on {where} ({error.strerror}); choose another with --listen") from None

    if os.geteuid() == 0:
        log.warning(AS_ROOT)
    ready_file: Path | None = context.params.get("ready_file")
    health: str | None = context.params.get("health")
    os.set_inheritable(lock.fileno(), False)

    async def main() -> int:
        ingester = Ingester(directory.path, policy)
        fleet = Fleet(
            worker_command(context),
            workers,
            bound,
            directory,
            lock=lock.fileno(),
            ready_file=ready_file,
            beside=[ingester],
        )
        if health:
            from weir.edge.process.fleet.health import FleetHealth

            asked_at = split_listen(health)
            fleet.health = FleetHealth(asked_at, directory.run, lambda: fleet.sockets, lambda: fleet.ends, ingester)
        return await fleet.run()

    return to_the_end(main())


def restart(
    data: Annotated[Path, typer.Option("--data", help="weir's data directory.")] = DATA,
    timeout_s: Annotated[float, typer.Option(min=1, help="Seconds to wait until all workers are new.")] = 300.0,
) -> None:
    """Restart the workers of a running weir one after the other, as after an upgrade; no connection is refused.

    Only a weir with --workers can do that. A worker that does not start leaves the old ones at work.
    """
    found = running(data)
    if found is None:
        raise fail("restart", f"no weir runs on {data}; name its data directory with --data")
    done, given_up = restarts_of(data)
    if not workers_of(data):
        raise fail("restart", "this weir is one process; stop it and start it, or run it with --workers 2")
    try:
        os.kill(found.pid, signal.SIGUSR2)
    except (PermissionError, ProcessLookupError) as error:
        raise fail("restart", f"process {found.pid} cannot be told ({error.strerror})") from None
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if running(data) is None:
            raise fail("restart", "weir ended meanwhile; its log says why")
        now = restarts_of(data)
        if now[0] > done:
            typer.echo(f"{len(workers_of(data))} workers are new", err=True)
            return
        if now[1] > given_up:
            raise fail("restart", "a new worker did not start, the old ones go on; weir's log says why")
        time.sleep(0.1)
    raise fail("restart", f"not all workers are new after {timeout_s:g} s; weir's log says why")
