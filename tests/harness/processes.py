"""Child processes of a test: own output files, waits with deadlines, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["PATIENCE_S", "ROOT", "Process", "until"]

ROOT = Path(__file__).resolve().parents[2]
# How long what must come is waited for. It bounds a hang and measures nothing: a busy machine may take its time.
PATIENCE_S = 60.0


def until[T](ask: Callable[[], T | None], what: str, *, seconds: float = PATIENCE_S, every: float = 0.02) -> T:
    """Poll ``ask`` until it gives something true; AssertionError naming ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        value = ask()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for: {what}")
        time.sleep(every)


class Process:
    """``python -m MODULE …`` with stdout and stderr in ``folder/NAME.out`` and ``NAME.err``."""

    def __init__(
        self, name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stdout_path, self.stderr_path = folder / f"{name}.out", folder / f"{name}.err"
        self.name = name
        path = os.pathsep.join(filter(None, [str(ROOT / "addons"), os.environ.get("PYTHONPATH", "")]))
        variables = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(environment or {})}
        with self.stdout_path.open("ab") as out, self.stderr_path.open("ab") as err:
            # A session of its own: stop() and kill() must reach weir's own children too.
            self._child = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env=variables,
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self._child.poll() is None

    @property
    def used_s(self) -> float:
        """Processor seconds that it has used, without its children: what it cost, whatever else the machine does."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def output(self) -> str:
        """Everything on stdout and stderr so far."""
        return self.stdout_path.read_text(errors="replace") + self.stderr_path.read_text(errors="replace")

    def tail(self, lines: int = 15) -> str:
        """The end of its output, for an assertion's message."""
        return "\n".join(self.output().splitlines()[-lines:])

    def signal(self, number: int) -> None:
        """Send a signal to this process alone, not to its children."""
        if self.running:
            self._child.send_signal(number)

    def wait(self, seconds: float = PATIENCE_S) -> int:
        """Wait for its end and return the exit code; AssertionError with its last words when it goes on."""
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end in {seconds:g} s\n{self.tail()}") from None

    def stop(self, seconds: float = PATIENCE_S) -> int:
        """SIGTERM and wait; returns the exit code. Whatever still runs of its session is killed."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        finally:
            self._sweep()

    def kill(self) -> None:
        """SIGKILL to it and all its children, as ``kill -9`` or the OOM killer would."""
        self._sweep()
        self.wait()

    def _sweep(self) -> None:
        if self._child.stdin:
            self._child.stdin.close()
        try:
            os.killpg(self.pid, signal.SIGKILL)  # the session's group has the child's id
        except ProcessLookupError:
            return
