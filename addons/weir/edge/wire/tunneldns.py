"""Datagrams out of WireGuard tunnels: questions for names are answered, everything else is dropped.

What no layer of weir reads must not pass: QUIC above all, without which clients fall back to TCP. Questions go to the
resolver of weir's own machine, whatever address they were for. Those for HTTPS and SVCB records get an empty answer:
they are where a client learns of ECH, which hides the host's name, and of HTTP/3. Nothing but a question passes: what
comes to the resolver comes from weir's machine, which may have more said to it (updates, whole zones) than a peer may.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

__all__ = ["Datagrams", "Names", "empty_answer", "question_end"]

PORT = 53
ANSWER_S = 5.0
REST_S = 30.0  # so long a port may ask nothing
AT_ONCE = 256  # questions, of all peers
PEER_AT_ONCE = 64  # of one: names that nobody answers for must not keep the others' from being asked
PEER_PORTS_MAX = 4096  # from which one peer asks and rests: each is a task, and packets with new ones cost nothing
QUESTION_MAX = 4096
_HEAD = 12
_NO_SUCH = frozenset({64, 65, 251, 252, 255})  # SVCB, HTTPS; parts of a zone, a zone; everything, those among it


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


def question_end(question: bytes) -> int:
    """Where the one question of a standard query ends; 0 for whatever else it is."""
    if len(question) < _HEAD or question[2] & 0xF8 or question[4:6] != b"\0\1":
        return 0
    at = _HEAD
    while at < len(question) and question[at]:
        if question[at] > 63:  # a pointer, which no question needs
            return 0
        at += question[at] + 1
    return at + 5 if at + 5 <= len(question) else 0


def empty_answer(question: bytes) -> bytes | None:
    """The answer "no such record" to a question for records that are kept from peers; None for any other."""
    end = question_end(question)
    if not end or int.from_bytes(question[end - 4 : end - 2]) not in _NO_SUCH:
        return None
    flags = bytes([0x80 | question[2] & 0x01, 0x80])
    return question[:2] + flags + b"\0\1" + bytes(6) + question[_HEAD:end]


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
        self._asking, self._ports = Counter[str](), Counter[str]()  # by peer

    async def serve(self, stream: Datagrams, port: int, peer: str = "") -> None:
        """Serve what comes from one port of ``peer`` until it rests; ``port`` is where it goes to."""
        self._ports[peer] += 1
        try:
            while port == PORT and self._ports[peer] <= PEER_PORTS_MAX:
                question = await asyncio.wait_for(stream.read(QUESTION_MAX), REST_S)
                if not question:
                    return
                answer = empty_answer(question) or await self._ask(question, peer)
                if answer:
                    stream.write(answer)
                    await stream.drain()
        except (TimeoutError, OSError):
            pass  # the client asks again, or elsewhere
        finally:
            _less(self._ports, peer)
            stream.close()

    async def _ask(self, question: bytes, peer: str) -> bytes:
        if not question_end(question) or self._room.locked() or self._asking[peer] >= PEER_AT_ONCE:
            return b""
        self._asking[peer] += 1
        try:
            async with self._room:
                for server in self.servers:
                    with contextlib.suppress(OSError, TimeoutError):
                        return await asyncio.wait_for(self._ask_one(server, question), ANSWER_S)
        finally:
            _less(self._asking, peer)
        return b""

    async def _ask_one(self, server: tuple[str, int], question: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(lambda: _Answer(question), remote_addr=server)
        try:
            return await protocol.got
        finally:
            transport.close()


def _less(counts: Counter[str], peer: str) -> None:
    counts[peer] -= 1
    if not counts[peer]:
        del counts[peer]
