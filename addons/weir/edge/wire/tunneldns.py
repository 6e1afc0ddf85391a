"""Datagrams out of WireGuard tunnels: questions for names are answered, everything else is dropped.

What no layer of weir reads must not pass: QUIC above all, without which clients fall back to TCP. Questions go to the
resolver of weir's own machine, whatever address they were for. Those for HTTPS and SVCB records get an empty answer:
they are where a client learns of ECH, which hides the host's name, and of HTTP/3.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

__all__ = ["Datagrams", "Names", "empty_answer"]

PORT = 53
ANSWER_S = 5.0
REST_S = 30.0  # so long a port may ask nothing
AT_ONCE = 256  # questions, of all peers
QUESTION_MAX = 4096
_HEAD = 12
_SVCB, _HTTPS = 64, 65


class Datagrams(Protocol):
    """One peer's datagrams from one port to one other."""

    async def read(self, n: int) -> bytes:
        """The next one; b"" at the end."""

    def write(self, data: bytes) -> None:
        """One back."""

    async def drain(self) -> None:
        """Wait until it is sent."""

    def close(self) -> None:
        """No more."""


def empty_answer(question: bytes) -> bytes | None:
    """The answer "no such record" to a question for an HTTPS or SVCB record; None for any other."""
    if len(question) < _HEAD or question[2] & 0xF8 or question[4:6] != b"\0\1":
        return None
    at = _HEAD
    while at < len(question) and question[at]:
        if question[at] > 63:
            return None
        at += question[at] + 1
    at += 5
    if at > len(question) or int.from_bytes(question[at - 4 : at - 2]) not in (_SVCB, _HTTPS):
        return None
    flags = bytes([0x80 | question[2] & 0x01, 0x80])
    return question[:2] + flags + b"\0\1" + bytes(6) + question[_HEAD:at]


class _Answer(asyncio.DatagramProtocol):
    def __init__(self, question: bytes) -> None:
        self.question = question
        self.got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        transport.sendto(self.question)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == self.question[:2] and not self.got.done():
            self.got.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.got.done():
            self.got.set_exception(OSError("the resolver does not answer"))


class Names:
    """Answers questions by asking ``servers``, (address, port), one after the other."""

    def __init__(self, servers: Sequence[tuple[str, int]]) -> None:
        self.servers = tuple(servers)[:3]
        self._room = asyncio.Semaphore(AT_ONCE)

    async def serve(self, stream: Datagrams, port: int) -> None:
        """Serve what comes from one port of a peer until it rests; ``port`` is where it goes to."""
        try:
            while port == PORT and (question := await asyncio.wait_for(stream.read(QUESTION_MAX), REST_S)):
                answer = empty_answer(question) or await self._ask(question)
                if answer:
                    stream.write(answer)
                    await stream.drain()
        except (TimeoutError, OSError):
            pass  # the client asks again, or elsewhere
        finally:
            stream.close()

    async def _ask(self, question: bytes) -> bytes:
        if len(question) < _HEAD or self._room.locked():
            return b""
        async with self._room:
            for server in self.servers:
                with contextlib.suppress(OSError, TimeoutError):
                    return await asyncio.wait_for(self._ask_one(server, question), ANSWER_S)
        return b""

    async def _ask_one(self, server: tuple[str, int], question: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(lambda: _Answer(question), remote_addr=server)
        try:
            return await protocol.got
        finally:
            transport.close()
