"""A corked writer keeps the order, and says when nothing waits in it."""

from __future__ import annotations

import asyncio
import socket

from harness.writers import Writer
from weir.edge.wire.corked import CorkedWriter


def test_a_corked_writer_keeps_the_order() -> None:
    below = Writer()
    corked = CorkedWriter(below)
    for piece in (b"1", b"2"):
        corked.write(piece)
    assert below.done == []
    corked.flush()
    assert below.done == [b"12"]
    corked.write(b"3")
    corked.write_eof()
    corked.write(b"4")
    asyncio.run(corked.drain())
    corked.write(b"5")
    corked.close()
    assert below.done == [b"12", b"3", "eof", b"4", "drain", b"5", "close"]
    corked.write(b"6")  # as a socket's writer: what comes after the end goes nowhere
    corked.flush()
    assert below.done[-1] == "close" and corked.is_closing()
    assert corked.get_extra_info("peername") == ("10.1.2.3", 4)


async def _ends() -> tuple[asyncio.StreamWriter, asyncio.StreamWriter, asyncio.Server]:
    """Both ends of a connection as mitmproxy makes them: accepted, and opened."""
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: accepted.put_nowait(writer), "127.0.0.1", 0)
    _, opened = await asyncio.open_connection(*server.sockets[0].getsockname())
    return await accepted.get(), opened, server


def test_no_packet_waits_for_an_acknowledgement() -> None:
    """Otherwise each chunk after the first would wait up to 40 ms for the peer's delayed acknowledgement."""

    async def both() -> list[int]:
        *ends, server = await _ends()
        options = [w.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for w in ends]
        for writer in ends:
            writer.close()
        server.close()
        return options

    assert all(asyncio.run(both()))


def test_a_writer_is_at_rest_when_nothing_waits_and_the_connection_stands() -> None:
    async def states() -> list[bool]:
        accepted, opened, server = await _ends()
        corked = CorkedWriter(opened)
        seen = [corked.at_rest()]
        corked.write(b"kept")
        seen.append(corked.at_rest())
        corked.flush()
        seen.append(corked.at_rest())
        corked.write(b"x" * 30_000_000)  # more than sockets take
        corked.flush()
        seen.append(corked.at_rest())
        opened.transport.abort()
        seen.append(corked.at_rest())
        accepted.close()
        server.close()
        return seen

    assert asyncio.run(states()) == [True, False, True, False, False]
    assert not CorkedWriter(Writer()).at_rest()  # no transport: whoever it is has to be asked
