"""Keeps the ingester process running beside the proxy: started with it, restarted when it dies, ended after it."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

__all__ = ["Ingester"]

log = logging.getLogger("weir.ingest")
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 15.0)
STOP_S = 20.0
INTERVAL_S = "1.0"  # how far views may lag behind the spool


class Ingester:
    """Writes Parquet from the spool in a process of its own: a slow disk or a bug there never stops the proxy."""

    name = "ingester"

    def __init__(self, data: Path) -> None:
        self.data = data
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def running(self) -> None:
        """Start watching over the process."""
        self._task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        failures = 0
        while True:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "weir.audit.ingest",
                "--data",
                str(self.data),
                "--interval-s",
                INTERVAL_S,
                "--watch-stdin",
                stdin=asyncio.subprocess.PIPE,
            )
            started = asyncio.get_running_loop().time()
            code = await self._process.wait()
            failures = 0 if asyncio.get_running_loop().time() - started > 60 else failures + 1
            pause = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            log.error("ingester ended with code %s; the spool keeps everything, next start in %.1f s", code, pause)
            await asyncio.sleep(pause)

    async def done(self) -> None:
        """Last in the chain: the spool is closed by now, so the ingester's last pass sees all of it."""
        if self._task:
            self._task.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            log.error("ingester did not end within %.0f s; it goes on by itself", STOP_S)
