"""A client process: some visitors at a time, at a rate, until SIGTERM or the end of its time; then each ends its visit.

python -m soak.client NUMBER LEDGER < told.json
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from h2.exceptions import ProtocolError
from websockets.exceptions import WebSocketException

from soak import calls, calls2
from soak.world import World

VISIT_S_MAX = 90.0
PROBLEMS = (OSError, EOFError, ValueError, LookupError, ProtocolError, WebSocketException)
VISITS: dict[Callable[[World], Awaitable[None]], int] = {**calls.VISITS, **calls2.VISITS}


async def _visit(world: World, kind: Callable[[World], Awaitable[None]], places: asyncio.Semaphore) -> None:
    """One visit; what goes wrong outside of any request is a row of its own."""
    try:
        async with asyncio.timeout(VISIT_S_MAX):
            await kind(world)
    except PROBLEMS as problem:
        async with calls.visited(world, "visit") as call:
            call.seen["problem"] = f"{kind.__name__}: {type(problem).__name__}"
    finally:
        places.release()


async def work(world: World, told: dict[str, Any]) -> None:
    """Begin visits as the rate says, as long as there is time."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock = asyncio.get_running_loop().time
    until, due = clock() + told["seconds"], clock()
    places = asyncio.Semaphore(told["visitors"])
    # Every kind once at first, so that the shortest soak has them all.
    first = list(VISITS)
    kinds, weights = list(VISITS), list(VISITS.values())
    running: set[asyncio.Task[None]] = set()
    while (clock() < until and not stop.is_set()) or (first and not stop.is_set()):
        await places.acquire()
        kind = first.pop() if first else world.chance.choices(kinds, weights)[0]
        task = asyncio.create_task(_visit(world, kind, places))
        running.add(task)
        task.add_done_callback(running.discard)
        due = max(due, clock() - 1.0) + world.chance.uniform(0, 2) / told["rate"]
        await asyncio.sleep(max(0.0, due - clock()))
    if running:
        await asyncio.wait(running)


def main() -> int:
    """The command line."""
    number, ledger = int(sys.argv[1]), Path(sys.argv[2])
    told = json.loads(sys.stdin.readline())
    with ledger.open("a") as file:
        asyncio.run(work(World(told, number, file), told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
