"""Which time is up for a connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from weir.edge.bounds.clock import Clock, late
from weir.edge.bounds.kept import Bounds
from weir.edge.trace import Link, link_of
from weir.sections_limits import Limits

LIMITS = Limits(opening_s=10, head_s=20, body_s=30, body_bytes_per_s=100, reading_s=40, idle_s=50)


@dataclass
class Body:
    bytes: int
    began: float = 1000.0

    def received(self) -> int:
        return self.bytes

    def since(self) -> float:
        return self.began


def link(**changes: Any) -> Link:
    made = Link(started_us=0, exchanges=changes.pop("exchanges", 1), metered=changes.pop("metered", False))
    made.bounds = Bounds(limits=LIMITS, began=1000.0)
    for name, value in changes.items():
        setattr(made.bounds, name, value)
    return made


@pytest.mark.parametrize(
    ("changes", "at", "stuck", "silent", "why"),
    [
        ({}, 1049, 0, 49, ""),
        ({}, 1051, 0, 51, "idle for too long"),
        ({"metered": True}, 1051, 0, 51, ""),
        ({"exchanges": 0}, 1010, 0, 0, ""),
        ({"exchanges": 0}, 1011, 0, 0, "no request in time"),
        ({"exchanges": 0, "metered": True}, 1011, 0, 0, ""),
        ({"head_since": 1000.0}, 1020, 0, 0, ""),
        ({"head_since": 1000.0}, 1021, 0, 0, "request head takes too long"),
        ({"receiving": {1: Body(10)}}, 1030, 0, 0, ""),
        ({"receiving": {1: Body(10)}}, 1031, 0, 0, "request body comes too slowly"),
        ({"receiving": {1: Body(4000)}}, 1031, 0, 0, ""),
        ({"receiving": {1: Body(-1)}}, 1031, 0, 0, ""),
        ({}, 1000, 40, 0, ""),
        ({}, 1000, 41, 0, "client reads too slowly"),
    ],
)
def test_late(changes: dict[str, Any], at: float, stuck: float, silent: float, why: str) -> None:
    one = link(**changes)
    assert late(one, at, stuck, silent) == why
    assert all(body.received() >= 0 for body in one.bounds.receiving.values())  # what is over is forgotten


def test_a_clock_ends_its_connection_once_and_stops() -> None:
    ended: list[str] = []

    async def story() -> None:
        client = tflow.tflow().client_conn
        bounds = link_of(client).bounds = Bounds(limits=Limits(opening_s=1))
        bounds.began -= 5
        handler = SimpleNamespace(
            timeout_watchdog=SimpleNamespace(timeout=0), heard=0.0, unread=lambda: (0, 0), end=ended.append
        )
        clock = Clock(handler, client)
        assert handler.timeout_watchdog.timeout == 600
        for _ in range(500):
            if ended:
                break
            await asyncio.sleep(0.01)
        clock.stop()

    asyncio.run(story())
    assert ended == ["no request in time"]
