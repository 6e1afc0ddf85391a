"""Keeps the ingester process running beside the proxy: started with it, restarted when it dies, ended after it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from weir.audit.ingester.environment import needs
from weir.audit.ingester.policy import PolicyFile
from weir.yamlpos import PolicyError

__all__ = ["Ingester"]

log = logging.getLogger("weir.ingest")
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 15.0)
STOP_S = 20.0
INTERVAL_S = "1.0"  # how far views may lag behind the spool


def _environment(policy: Path | None) -> dict[str, str]:
    """What the process needs of ours, and no more: the proxy's environment holds the real keys."""
    wanted = {"PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "HOME", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH"}
    families: tuple[str, ...] = ("LC_",)
    try:
        names, more = needs(PolicyFile(policy).audit)
        wanted, families = wanted | names, families + more
    except (PolicyError, OSError):
        pass  # the process will say what is wrong with the policy
    return {k: v for k, v in os.environ.items() if k in wanted or k.startswith(families)}


class Ingester:
    """Writes Parquet from the spool in a process of its own: a slow disk or a bug there never stops the proxy."""

    name = "ingester"

    def __init__(self, data: Path, policy: Path | None = None) -> None:
        """``policy``: the file that says how long records are kept; None: the defaults."""
        self.data, self.policy = data, policy
        self._task: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None

    async def running(self) -> None:
        """Start watching over the process."""
        self._task = asyncio.create_task(self._keep())

    @property
    def runs(self) -> bool:
        """Whether the process is there now."""
        starting = self._starting
        if starting is None or not starting.done() or starting.cancelled() or starting.exception() is not None:
            return False
        return starting.result().returncode is None

    async def _start(self) -> asyncio.subprocess.Process:
        environment = await asyncio.to_thread(_environment, self.policy)  # it reads the policy
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "weir.audit.ingester",
            "--data",
            str(self.data),
            "--interval-s",
            INTERVAL_S,
            "--secrets",
            "weir.keys.secrets:yields",
            "--watch-stdin",
            *(("--policy", str(self.policy)) if self.policy else ()),
            stdin=asyncio.subprocess.PIPE,
            env=environment,
        )

    async def _keep(self) -> None:
        failures = 0
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            self._starting = asyncio.create_task(self._start())
            try:
                process = await asyncio.shield(self._starting)  # once begun it is finished, so that `done` knows of it
                what = f"ended with code {await process.wait()}"
            except OSError as error:
                what = f"could not be started ({error.strerror})"
            failures = 0 if clock() - started > 60 else failures + 1
            pause = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            log.error("ingester %s; the spool keeps everything, next start in %.1f s", what, pause)
            await asyncio.sleep(pause)

    async def done(self) -> None:
        """Last in the chain: the spool is closed by now, so the ingester's last pass sees all of it."""
        if self._task:
            self._task.cancel()
        if self._starting is None:
            return
        try:
            process = await self._starting
        except OSError:
            return  # told already, by who waited for it
        if process.returncode is not None:
            return
        assert process.stdin
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            log.error("ingester did not end within %.0f s; it goes on by itself", STOP_S)
