"""Who is at work without an exchange."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from weir.edge.process.quiet import all_quiet


def handler(ago: float, writer: Any = None) -> SimpleNamespace:
    io = SimpleNamespace(writer=writer)
    watchdog = SimpleNamespace(last_activity=time.time() - ago)
    return SimpleNamespace(client="c", transports={"c": io}, timeout_watchdog=watchdog)


def test_quiet_is_a_time_without_anything() -> None:
    assert all_quiet([], 2.0) and all_quiet([handler(3.0)], 2.0)
    assert not all_quiet([handler(3.0), handler(1.0)], 2.0)
    assert all_quiet([handler(0.0)], 0.0), "nobody is waited for"
    gone = handler(3.0)
    gone.transports.clear()
    assert all_quiet([gone], 2.0)


def test_what_waits_to_be_read_or_taken_is_no_rest() -> None:
    accepted: list[asyncio.StreamWriter] = []

    async def main() -> None:
        def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.append(writer)

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        _reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async with asyncio.timeout(60):
            while not accepted:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        (theirs,) = accepted
        assert all_quiet([handler(3.0, theirs)], 2.0)
        theirs.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET")
        async with asyncio.timeout(60):
            while all_quiet([handler(3.0, theirs)], 2.0):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        theirs.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            while not all_quiet([handler(3.0, theirs)], 2.0):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        theirs.write(bytes(20_000_000))
        assert not all_quiet([handler(3.0, theirs)], 2.0), "a reply that nobody has taken yet"
        theirs.transport.abort()
        assert all_quiet([handler(3.0, theirs)], 2.0)
        writer.close()
        server.close()

    asyncio.run(main())
