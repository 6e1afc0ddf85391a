"""What is at which path: `/healthz`, `/readyz`, `/metrics`, and for weir's own processes `/families`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson
from prometheus_client import exposition
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as _open

from weir.edge.health import portable
from weir.edge.health.server import Asked, Reply, plain

__all__ = ["Page", "Readiness", "Reason"]

AGE_S = 0.1  # numbers so young are given again: who asks a thousand times a second makes no thousand times the work
_TEXT = exposition.CONTENT_TYPE_PLAIN_0_0_4
_OPEN = "application/openmetrics-text"
_OPEN_KIND = f"{_OPEN}; version=1.0.0; charset=utf-8"
_JSON = "application/json"
Made = Callable[[], Sequence[Metric]]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why no traffic is wanted now: a word for programs, a sentence for people."""

    code: str
    says: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """Ready where there is no reason not to be. ``about``: what else belongs into the answer; no secrets."""

    reasons: tuple[Reason, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reply(self) -> Reply:
        """200 or 503, as JSON."""
        reasons = [{"code": reason.code, "says": reason.says} for reason in self.reasons]
        told = {"ready": not reasons, "reasons": reasons, **self.about}
        return Reply(503 if reasons else 200, orjson.dumps(told) + b"\n", _JSON)


class _Sheet:
    """A collector of what is there already, as the library wants one."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


class Page:
    """Answers what ``Server`` is asked. ``families`` gathers the numbers and gives what makes families of them in a
    thread; ``ready`` and ``alive`` say how things are.

    ``alive`` gives what belongs into `/healthz` and whether it is well. ``internal``: who asks is another process of
    this weir, which is given the numbers in a form that can be added up.
    """

    def __init__(
        self,
        families: Callable[[], Awaitable[Made]],
        ready: Callable[[], Awaitable[Readiness]],
        alive: Callable[[], tuple[bool, Mapping[str, Any]]],
        *,
        internal: bool = False,
    ) -> None:
        self._families, self._ready, self._alive, self._internal = families, ready, alive, internal
        self._pool = ThreadPoolExecutor(1, "weir-health")
        self._kept: dict[str, tuple[float, bytes]] = {}
        self._making: dict[str, asyncio.Task[bytes]] = {}

    async def answer(self, asked: Asked) -> Reply:
        """The reply to one request."""
        if asked.path == "/healthz":
            well, about = self._alive()
            return Reply(200 if well else 503, orjson.dumps({"ok": well, **about}) + b"\n", _JSON)
        if asked.path == "/readyz":
            return (await self._ready()).reply
        if asked.path == "/metrics":
            form = _OPEN_KIND if _OPEN in asked.accept else _TEXT
            return Reply(200, await self._numbers(form), form)
        if asked.path == "/families" and self._internal:
            return Reply(200, await self._numbers(_JSON), _JSON)
        return plain(404)

    async def give(self, to: Callable[[Sequence[Metric]], object]) -> None:
        """Let ``to`` have the numbers as they are now, in the thread in which answers are made."""
        made = await self._families()
        await asyncio.get_running_loop().run_in_executor(self._pool, lambda: to(made()))

    def close(self) -> None:
        """Make no more answers."""
        for task in self._making.values():
            task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _numbers(self, form: str) -> bytes:
        """Made once for all who ask at the same time, in a thread: some hundred lines are a millisecond of work."""
        made_at, body = self._kept.get(form, (float("-inf"), b""))
        if time.monotonic() - made_at < AGE_S:
            return body
        task = self._making.get(form)
        if task is None or task.done():
            task = self._making[form] = asyncio.get_running_loop().create_task(self._make(form))
        return await asyncio.shield(task)

    async def _make(self, form: str) -> bytes:
        made = await self._families()
        body = await asyncio.get_running_loop().run_in_executor(self._pool, _written, form, made)
        self._kept[form] = (time.monotonic(), body)
        return body


def _written(form: str, made: Made) -> bytes:
    families = made()
    if form == _JSON:
        return portable.dumps(families)
    sheet = _Sheet(families)
    if form == _OPEN_KIND:
        return bytes(_open.generate_latest(sheet))  # type: ignore[no-untyped-call]
    return exposition.generate_latest(sheet)
