"""Stops accepting connections without dropping those that have been accepted in the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

__all__ = ["TURNS", "unlisten"]

# From accept() to a connection that mitmproxy knows asyncio needs three turns: a task that makes the transport, a
# callback that tells the protocol, a task for the handler.
TURNS = 5


async def unlisten(servers: Iterable[Any]) -> None:
    """Accept nothing more on these and return when whoever was accepted is known; closing them is the caller's.

    ``asyncio.Server.close`` drops without a word what was accepted and has no transport yet: its client is reset.
    What is no ``asyncio.Server`` is left alone.
    """
    loop = asyncio.get_running_loop()
    for server in servers:
        if isinstance(server, asyncio.Server):
            for one in server.sockets:
                loop.remove_reader(one.fileno())
    for _ in range(TURNS):
        await asyncio.sleep(0)
