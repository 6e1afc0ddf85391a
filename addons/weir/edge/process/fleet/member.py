"""One worker as the parent sees it: a process, the line to it, and what it has said."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from weir.edge.process.fleet.listening import Bound
from weir.edge.process.fleet.seat import LINE_MAX, Lines, describe

__all__ = ["Member", "ending"]


def ending(code: int) -> str:
    """How a process ended, for people: ``was killed by SIGKILL``, ``ended with code 1``."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


class Member:
    """Begins with ``start``. ``on_said`` gets each object that the worker sends, but for ``ready`` and ``beat``."""

    def __init__(self, number: int, on_said: Callable[[Member, dict[str, Any]], None]) -> None:
        self.number = number
        self.ready: dict[str, Any] = {}  # once it listens: where, with which policy
        self.leaving = False  # told to end
        self.beat = 0.0  # its last sign of life, monotonic; 0 before the first
        self._on_said = on_said
        self._is_ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._line: socket.socket | None = None
        self._unsent = bytearray()
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "start() comes first"
        return self._process.pid

    async def start(self, command: Sequence[str], count: int, bound: Sequence[Bound], lock: int) -> None:
        """Start the process. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            seat = describe(self.number, count, theirs.fileno(), lock, bound)
            inherited = [theirs.fileno(), *(one.socket.fileno() for one in bound), *([lock] if lock >= 0 else [])]
            environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
            self._process = await asyncio.create_subprocess_exec(
                *command, "--seat", seat, pass_fds=inherited, stdin=asyncio.subprocess.DEVNULL, env=environment
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()  # the worker's alone: when it ends, the line does
        self._line = ours
        self._reading = asyncio.create_task(self._read(ours))

    async def until_ready(self, seconds: float) -> bool:
        """Wait until it listens; False when it ended before, or did not in time."""
        ready = asyncio.create_task(self._is_ready.wait())
        ended = asyncio.create_task(self.wait())
        try:
            await asyncio.wait((ready, ended), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return self._is_ready.is_set() and not ended.done()
        finally:
            for task in (ready, ended):
                task.cancel()

    async def wait(self) -> int:
        """Its exit code, once it has ended; negative: the signal that killed it."""
        assert self._process is not None, "start() comes first"
        return await self._process.wait()

    @property
    def drain_s(self) -> float:
        """How long its exchanges get at its end."""
        return float(self.ready.get("drain_s", 30.0))

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    def tell(self, what: Mapping[str, Any]) -> None:
        """Send it an object. To one that does not read any more nothing is sent."""
        if self._line is None or len(self._unsent) > LINE_MAX:
            return
        self._unsent += json.dumps(what).encode() + b"\n"
        self._flush()

    def _flush(self) -> None:
        line = self._line
        if line is None:
            return
        loop = asyncio.get_running_loop()
        try:
            while self._unsent:
                del self._unsent[: line.send(self._unsent)]
            loop.remove_writer(line)
        except BlockingIOError:
            loop.add_writer(line, self._flush)
        except OSError:
            self._unsent.clear()
            loop.remove_writer(line)

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.alive and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def leave(self, gentle_s: float) -> None:
        """Ask it to end in order, its place being taken: clients that are at work get so long to go by themselves."""
        self.leaving = True
        self.tell({"leave": gentle_s})

    async def _read(self, line: socket.socket) -> None:
        loop, lines = asyncio.get_running_loop(), Lines()
        try:
            while data := await loop.sock_recv(line, 65536):
                for said in lines.feed(data):
                    self._take(said)
        except (OSError, ValueError):
            pass  # its process tells how it is
        finally:
            self._line = None
            loop.remove_writer(line)
            line.close()

    def _take(self, said: dict[str, Any]) -> None:
        ready = said.get("ready")
        if isinstance(ready, dict):
            self.ready = ready
            self._is_ready.set()
        elif "beat" in said:
            self.beat = time.monotonic()
        else:
            self._on_said(self, said)
