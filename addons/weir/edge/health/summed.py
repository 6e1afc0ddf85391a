"""`/healthz`, `/readyz` and `/metrics` of several workers at one address, given by the process that started them.

Each worker answers at a Unix socket in the data directory. A worker that does not answer is told of, and keeps nobody
waiting longer than ``WORKER_S``. After a worker has been replaced the sums would fall, as its successor begins at
zero: what was counted by those who are gone is kept here and stays in the sums. Workers report it every few seconds and
at their end, so that it does not hang on when somebody has asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from prometheus_client.core import Metric

from weir.edge.health import portable
from weir.edge.health.adding import added
from weir.edge.health.departed import Departed
from weir.edge.health.page import Page, Readiness, Reason
from weir.edge.health.place import ask, tcp
from weir.edge.health.server import Server

__all__ = ["Fleet", "Summed", "name_of", "serve"]

WORKER_S = 2.0
BYTES_MAX = 4 << 20
Fleet = Callable[[], Sequence[Path]]
_PASSING = frozenset({"draining", "no-answer"})
_SILENT = {"ready": False, "reasons": [{"code": "no-answer", "says": "it does not answer"}]}


class Summed:
    """A server for the whole fleet. ``address``: where it listens."""

    def __init__(self, server: Server, page: Page, workers: _Workers) -> None:
        self._server, self._page, self._workers = server, page, workers

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        assert self._server.address is not None
        return self._server.address

    def heard(self, worker: str, counts: str) -> None:
        """Note what a worker (``1``) reports of what it has counted, see ``Health``. Raises ValueError."""
        self._workers.departed.take(worker, portable.loads(counts.encode()))

    async def close(self) -> None:
        """Listen no more."""
        self._page.close()
        await self._server.close()


async def serve(host: str, port: int, sockets: Fleet, own: Callable[[], Sequence[Reason]] = tuple) -> Summed:
    """Listen at the address for questions about the workers whose Unix sockets ``sockets`` names at that moment.

    ``own``: why the fleet itself is not ready, whatever its workers say (it drains, its ingester is away). Raises
    OSError when nobody can listen there.
    """
    workers = _Workers(sockets, own)
    page = Page(workers.families, workers.ready, lambda: (True, {"workers": len(sockets())}))
    server = Server(page.answer)
    await server.start(tcp(host, port))
    return Summed(server, page, workers)


def name_of(path: Path) -> str:
    """What a worker is called by its socket: ``1`` for ``health-1.sock``."""
    return path.stem.removeprefix("health-")


class _Workers:
    def __init__(self, sockets: Fleet, own: Callable[[], Sequence[Reason]]) -> None:
        self._sockets, self._own = sockets, own
        self.departed = Departed()

    async def families(self) -> Callable[[], Sequence[Metric]]:
        """The numbers of all who answer, and of those who are gone what was counted."""
        return partial(self._add, await self._ask("/families"))

    def _add(self, answers: Mapping[str, tuple[int, bytes]]) -> list[Metric]:
        told: dict[str, list[Metric]] = {}
        for worker, (status, body) in answers.items():
            if status == 200:
                with contextlib.suppress(ValueError):  # then it is one that gave no numbers
                    told[worker] = portable.loads(body)
        missing = [worker for worker in answers if worker not in told]
        return added(self.departed.with_those_gone(told), missing)

    async def ready(self) -> Readiness:
        """Ready while every worker is, but for one that is just being replaced: others take its connections."""
        answers = {worker: _said(*reply) for worker, reply in (await self._ask("/readyz")).items()}
        some = any(said["ready"] is True for said in answers.values())
        reasons = list(self._own())
        for worker, said in answers.items():
            for one in said["reasons"]:
                if not (some and one["code"] in _PASSING):
                    reasons.append(Reason(one["code"], f"worker {worker}: {one['says']}"))
        if not answers and not reasons:
            reasons.append(Reason("no-workers", "no worker runs"))
        return Readiness(tuple(reasons), {"workers": answers})

    async def _ask(self, target: str) -> Mapping[str, tuple[int, bytes]]:
        """Status and body by worker; 0 for one that does not answer."""
        paths = {name_of(path): path for path in self._sockets()}
        replies = await asyncio.gather(*(_one(path, target) for path in paths.values()))
        return dict(zip(paths, replies, strict=True))


async def _one(path: Path, target: str) -> tuple[int, bytes]:
    try:
        return await ask(path, target, timeout_s=WORKER_S, bytes_max=BYTES_MAX)
    except OSError:
        return 0, b""


def _said(status: int, body: bytes) -> dict[str, Any]:
    """What a worker says of itself, as ``Readiness`` writes it."""
    try:
        said = orjson.loads(body) if status in (200, 503) else {}
        reasons = [{"code": str(one["code"]), "says": str(one["says"])} for one in said["reasons"]]
        return {**said, "ready": status == 200 and not reasons, "reasons": reasons}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return _SILENT
