"""The ingester's process: passes, and the duties beside them, until it is told to stop."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from weir.audit.evidence.sealing import DayFiles
from weir.audit.ingester.duties import ADDING, WAITING, duties
from weir.audit.ingester.duty import Desk, Duty
from weir.audit.ingester.ingest import Ingester, IngestLocked
from weir.audit.ingester.policy import PolicyFile
from weir.audit.spool.room import Room
from weir.datadir import DataDirError
from weir.yamlpos import PolicyError

__all__ = ["Work", "main", "work_on"]


def _say(text: str) -> None:
    print(f"weir audit ingest: {text}", file=sys.stderr, flush=True)  # noqa: T201


def _watch_stdin(stop: threading.Event) -> None:
    """Stop when the pipe from the parent closes, however the parent ended."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        stop.set()

    threading.Thread(target=wait, name="weir-ingest-stdin", daemon=True).start()


def _kind(error: Exception) -> str:
    if isinstance(error, DataDirError):
        return str(error)
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror or 'no reason given'}"
    return f"{type(error).__name__}: the store could not be read or written"


class Work:
    """One round after the other. ``trouble``: what is wrong now, by whose work it is; told when it changes.

    As long as there is a policy that could not be read yet, what needs one waits and all else goes on.
    """

    def __init__(self, data: Path, ingester: Ingester, policy: PolicyFile, todo: Sequence[Duty]) -> None:
        self._data, self._ingester, self._policy, self._todo = data, ingester, policy, todo
        self._due = dict.fromkeys((duty.name for duty in todo), 0.0)
        self._told = 0
        self._room = Room(data / "audit", policy.audit.disk)
        self.trouble: dict[str, str] = {}

    def round(self, *, last: bool) -> None:
        """A pass of the ingester, then every duty that is due; all of them when it is the last."""
        if problem := self._policy.refresh():
            _say(problem)
        waits: frozenset[str] = frozenset()
        if self._policy.unread:
            waits = WAITING
            self._trouble("policy", "it has not been read yet: nothing leaves for its age, all else is done")
        else:
            self._well("policy")
        self._take_in()
        desk = Desk(self._data, self._policy.audit)
        for duty in self._todo:
            now = time.monotonic()
            if duty.name not in waits and (last or now >= self._due[duty.name]):
                self._due[duty.name] = now + duty.every_s
                if self._do(duty, desk, last=last) and duty.name in ADDING:
                    self._take_in()  # nobody may come after this round

    def _take_in(self) -> None:
        """A pass of the ingester over what is in the spool."""
        try:
            self._room.disk = self._policy.audit.disk
            self._room.check()
            self._ingester.run_once()
            self._well("ingest")
        except (OSError, duckdb.Error, DataDirError) as error:
            self._wrong("ingest", error)
        bad = self._ingester.bad_lines
        if bad > self._told:
            _say(f"{bad - self._told} lines could not be read, the last: {self._ingester.last_problem}")
            self._told = bad

    def _do(self, duty: Duty, desk: Desk, *, last: bool) -> bool:
        """Whether it had something to say."""
        try:
            lines = duty.run(desk, last=last)
        except (OSError, duckdb.Error, DataDirError) as error:
            self._wrong(duty.name, error)
            return False
        for line in lines:
            _say(f"{duty.name}: {line}")
        self._well(duty.name)
        return bool(lines)

    def _well(self, name: str) -> None:
        if self.trouble.pop(name, ""):
            _say(f"{name}: works again")

    def _wrong(self, name: str, error: Exception) -> None:
        self._trouble(name, f"{_kind(error)}; trying again")

    def _trouble(self, name: str, found: str) -> None:
        if self.trouble.get(name) != found:
            _say(f"{name}: {found}")
        self.trouble[name] = found


def work_on(
    data: Path,
    policy: Path | None,
    stop: threading.Event,
    interval_s: float,
    secret: Callable[[str], str] | None = None,
) -> int:
    """Keep one store until told to stop, then a last round. 0 when that went well, 1 when not, or when the store is in
    use or cannot be opened. ``secret`` gives what a reference of the policy means.

    Told to stop before it begins, it does one round: 2 then for a policy that cannot be read. Otherwise it is waited
    for, as what comes in is to be in the store whatever somebody has written into the policy.
    """
    try:
        settings = PolicyFile(policy, patient=not stop.is_set())
    except (PolicyError, OSError) as error:
        _say(f"{policy}: {str(error).splitlines()[0]}")
        return 2
    try:
        days = DayFiles(data)
        ingester = Ingester(data / "spool", data / "audit", on_sealed=days.sealed, on_removed=days.removed)
    except IngestLocked as problem:
        _say(str(problem))
        return 1
    except (OSError, duckdb.Error, DataDirError) as error:
        _say(f"the store cannot be opened: {_kind(error)}")
        return 1
    with ingester:
        todo = duties(ingester, secret, days, retention=policy is not None)
        work = Work(data, ingester, settings, todo)
        while True:
            last = stop.wait(interval_s)
            work.round(last=last)
            if last:
                return 1 if work.trouble else 0


def _named(place: str) -> Callable[[str], str]:
    """The function at ``MODULE:FUNCTION``, loaded at its first use. Who starts this process names it: the audit itself
    knows nothing of where secrets are."""
    module, _, name = place.partition(":")

    def secret(reference: str) -> str:
        return str(getattr(importlib.import_module(module), name)(reference))

    return secret


def main(argv: Sequence[str] | None = None) -> int:
    """The process that runs beside the proxy; the exit codes of ``work_on``."""
    parser = argparse.ArgumentParser(prog="python -m weir.audit.ingester", description="spool → Parquet → audit.duckdb")
    parser.add_argument("--data", type=Path, required=True, help="the data directory, which holds spool/ and audit/")
    parser.add_argument("--policy", type=Path, help="the policy file, for how long what is kept")
    parser.add_argument("--once", action="store_true", help="one round, then exit")
    parser.add_argument("--interval-s", type=float, default=0.5, help="seconds between rounds")
    parser.add_argument("--watch-stdin", action="store_true", help="end when stdin reaches its end")
    parser.add_argument("--secrets", metavar="MODULE:FUNCTION", help="what gives the secrets that references mean")
    args = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if args.once:
        stop.set()
    elif args.watch_stdin:
        _watch_stdin(stop)
    return work_on(args.data, args.policy, stop, args.interval_s, _named(args.secrets) if args.secrets else None)
