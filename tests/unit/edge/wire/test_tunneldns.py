"""Datagrams out of tunnels: questions for names are answered, everything else is dropped."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

import pytest

from weir.edge.wire import tunneldns
from weir.edge.wire.tunneldns import Names, empty_answer, question_end


def question(kind: int, *, number: int = 7, flags: int = 0x0100, count: int = 1, name: bytes = b"\3api\0") -> bytes:
    return struct.pack(">HHHHHH", number, flags, count, 0, 0, 0) + name + struct.pack(">HH", kind, 1)


class Port:
    """What a peer sends from one port, and what it gets."""

    def __init__(self, sent: Sequence[bytes], peer: str = "") -> None:
        self.sent, self.peer, self.got, self.closed = list(sent), peer, list[bytes](), False

    async def read(self, n: int) -> bytes:
        await asyncio.sleep(0)
        return self.sent.pop(0)[:n] if self.sent else b""

    def write(self, data: bytes) -> None:
        self.got.append(data)

    async def drain(self) -> None: ...

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("kind", [64, 65, 251, 252, 255])
def test_records_that_lead_past_weir_do_not_exist(kind: int) -> None:
    asked = question(kind)
    answer = empty_answer(asked + b"whatever EDNS adds")
    assert answer is not None
    assert struct.unpack_from(">HHHHHH", answer) == (7, 0x8180, 1, 0, 0, 0)
    assert answer[12:] == asked[12:]


def test_other_records_are_asked_of_the_resolver() -> None:
    for kind in (1, 28, 16):
        assert empty_answer(question(kind)) is None
        assert question_end(question(kind) + b"EDNS") == len(question(kind))


NO_QUESTIONS = [
    question(1, flags=0x8180),  # an answer
    question(1, flags=0x2800),  # an update
    question(1, flags=0x2000),  # a notification
    question(1, count=2),
    question(65, name=b"\3api\xc0\x0c"),  # a pointer, which no question needs
    question(65)[:-3],
    b"",
    b"\0" * 12,
]


@pytest.mark.parametrize("asked", NO_QUESTIONS)
def test_nothing_else_is_a_question(asked: bytes) -> None:
    assert empty_answer(asked) is None and question_end(asked) == 0


class Resolver(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert isinstance(self.transport, asyncio.DatagramTransport)
        self.transport.sendto(b"\xff\xff not for this question", addr)
        self.transport.sendto(data[:2] + b"answer", addr)


async def serve(names: Names, *ports: Port) -> None:
    await asyncio.gather(*(names.serve(port, 53, port.peer) for port in ports))


def test_what_is_no_question_goes_nowhere() -> None:
    heard: list[bytes] = []

    class Hears(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            heard.append(data)

    async def go() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Hears, local_addr=("127.0.0.1", 0))
        names = Names([transport.get_extra_info("sockname")])
        await serve(names, Port([asked for asked in NO_QUESTIONS if asked]))
        transport.close()

    asyncio.run(go())
    assert heard == []


def test_one_peers_questions_leave_room_for_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers for the names of the one, and he asks from ever new ports."""
    monkeypatch.setattr(tunneldns, "PEER_AT_ONCE", 3)
    monkeypatch.setattr(tunneldns, "AT_ONCE", 5)
    monkeypatch.setattr(tunneldns, "ANSWER_S", 0.5)

    class Hears(Resolver):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            if b"slow" not in data:
                super().datagram_received(data, addr)

    async def go() -> Port:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Hears, local_addr=("127.0.0.1", 0))
        names = Names([transport.get_extra_info("sockname")])
        crowd = [Port([question(1, name=b"\4slow\0")], "ada") for _ in range(20)]
        asks = Port([question(1)], "bob")
        await serve(names, *crowd, asks)
        transport.close()
        assert not names._asking and not names._ports
        return asks

    assert asyncio.run(go()).got == [b"\0\7answer"]


def test_one_peers_ports_are_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunneldns, "PEER_PORTS_MAX", 2)

    async def go() -> list[Port]:
        names, ports = Names([]), [Port([question(65)], "ada") for _ in range(4)] + [Port([question(65)], "bob")]
        await serve(names, *ports)
        return ports

    assert [len(port.got) for port in asyncio.run(go())] == [1, 1, 0, 0, 1]


def test_questions_get_the_resolvers_answer_and_only_on_port_53() -> None:
    async def go() -> tuple[Port, Port]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Resolver, local_addr=("127.0.0.1", 0))
        names = Names([transport.get_extra_info("sockname")])
        asks, elsewhere = Port([question(1), b"short", question(65), question(28, number=9)]), Port([question(1)])
        await names.serve(asks, 53)
        await names.serve(elsewhere, 443)
        transport.close()
        return asks, elsewhere

    asks, elsewhere = asyncio.run(go())
    assert [got[:2] for got in asks.got] == [b"\0\7", b"\0\7", b"\0\t"]
    assert asks.got[0] == b"\0\7answer" and asks.closed
    assert elsewhere.got == [] and elsewhere.closed


def test_a_resolver_that_is_not_there_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunneldns, "ANSWER_S", 0.2)

    async def go() -> Port:
        port = Port([question(1)])
        await Names([("127.0.0.1", 9)]).serve(port, 53)
        return port

    port = asyncio.run(go())
    assert port.got == [] and port.closed
