"""Reading a file: plain texts here, everything with a parser behind it in a process of its own.

Such a process holds up nobody's event loop, may be ended when the time is up, and may crash: each ends as a file that
was not read, with a reason.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.files.child import SIZE, unpacked
from weir.dlp.files.job import LATE, FileLimits, FileTexts, not_read
from weir.dlp.files.kinds import HEAVY, detect
from weir.dlp.files.read import Heavy, read_here

__all__ = ["Pool", "read_file"]

_INLINE_BYTES_MAX: Final = 1 << 20  # texts longer than this would hold the interpreter lock for long
_SECONDS: Final = 30.0  # for a file whose reader has no deadline
_JOBS_MAX: Final = 200  # files that one process reads: whatever it leaks is bounded
_ROOT: Final = str(Path(__file__).resolve().parents[3])
_CODE: Final = "import sys; sys.path.insert(0, sys.argv[1]); from weir.dlp.files.child import main; main()"


def read_file(
    data: bytes,
    *,
    name: str = "",
    media_type: str = "",
    limits: FileLimits | None = None,
    deadline: Deadline | None = None,
) -> FileTexts:
    """All texts of a file, and whether they are all. Never raises.

    ``name`` and ``media_type`` are what the client calls it; its own bytes outrank both.
    """
    limits = limits or FileLimits()
    if detect(data) not in HEAVY and len(data) <= _INLINE_BYTES_MAX:
        try:
            return read_here(data, name, media_type, limits, deadline, heavy=False)
        except Heavy:
            pass  # there is such a file inside it
    return _POOL.read(data, name, media_type, limits, deadline)


class _Child:
    """One reading process."""

    def __init__(self) -> None:
        self.jobs = 0
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", _CODE, _ROOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a library's complaint may quote the file
            env={name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ},
        )

    def ask(self, order: dict[str, object], data: bytes) -> bytes:
        """The answer; empty when the process ended before it gave one."""
        self.jobs += 1
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin and stdout
        head = json.dumps(order).encode()
        try:
            stdin.write(SIZE.pack(len(head)) + head)
            stdin.write(data)
            stdin.flush()
            size = stdout.read(SIZE.size)
            return stdout.read(SIZE.unpack(size)[0]) if len(size) == SIZE.size else b""
        except OSError:
            return b""

    def end(self) -> None:
        """End the process at once, whatever it does."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                try:
                    stream.close()
                except OSError:
                    continue  # what was still to be written has nowhere to go


class Pool:
    """At most ``most`` reading processes, started when first needed; safe for any number of threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._starting = 0
        self._free = threading.Condition()

    def read(self, data: bytes, name: str, media_type: str, limits: FileLimits, deadline: Deadline | None) -> FileTexts:
        """Have a process read a file. Never raises."""
        end = Deadline(_SECONDS, within=deadline)
        try:
            end.left()
            child = self._acquire(end)
        except OutOfTime:
            return not_read(LATE)
        except OSError:
            return not_read("file: no process to read it")
        try:
            seconds = end.left()
        except OutOfTime:
            self._release(child, sound=True)
            return not_read(LATE)
        late = threading.Event()

        def kill() -> None:
            late.set()
            child.process.kill()

        killer = threading.Timer(seconds, kill)
        killer.daemon = True
        killer.start()
        order = {
            "name": name[:1000],
            "media_type": media_type[:200],
            "size": len(data),
            "seconds": seconds,
            "bytes_max": limits.bytes_max,
            "depth_max": limits.depth_max,
            "members_max": limits.members_max,
        }
        answer = b""
        try:
            answer = child.ask(order, data)
        finally:
            killer.cancel()
            self._release(child, sound=bool(answer) and not late.is_set())
        if not answer:
            return not_read(LATE if late.is_set() or end.spent() else "file: its reader crashed")
        try:
            return unpacked(answer)
        except (LookupError, TypeError, ValueError):
            return not_read("file: its reader gave no sense")

    def _acquire(self, end: Deadline) -> _Child:
        """A process that nobody else uses. Raises OutOfTime or OSError."""
        with self._free:
            while not self._idle and len(self._all) + self._starting >= self._most:
                self._free.wait(end.left())
            while self._idle:
                child = self._idle.pop()
                if child.process.poll() is None:
                    return child
                child.end()  # it ended between two files, as for want of memory: that is not the next file's fault
                self._all.discard(child)
            self._starting += 1
        made = None
        try:
            made = _Child()
            return made
        finally:
            with self._free:
                self._starting -= 1
                if made is not None:
                    self._all.add(made)

    def _release(self, child: _Child, *, sound: bool) -> None:
        worn = not sound or child.jobs >= _JOBS_MAX
        if worn:
            child.end()
        with self._free:
            if worn:
                self._all.discard(child)
            else:
                self._idle.append(child)
            self._free.notify()

    def close(self) -> None:
        """End all processes; later files start new ones."""
        with self._free:
            children, self._all, self._idle = list(self._all), set(), []
        for child in children:
            child.end()


_POOL: Final = Pool(max(1, min(4, os.cpu_count() or 1)))
atexit.register(_POOL.close)
