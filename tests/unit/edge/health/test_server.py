"""A small server on the proxy's own loop: whoever asks, however badly, hurts nobody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from weir.edge.health import server as server_module
from weir.edge.health.place import tcp
from weir.edge.health.server import Asked, Reply, Server, plain

Talk = Callable[[tuple[str, int]], Awaitable[bytes]]


async def _answer(asked: Asked) -> Reply:
    if asked.path == "/fails":
        raise KeyError("a secret")
    if asked.path == "/hangs":
        await asyncio.sleep(60)
    return Reply(200, f"{asked.path} {asked.accept}".encode())


def _with(server: Server, talk: Talk) -> bytes:
    async def work() -> bytes:
        await server.start(tcp("127.0.0.1", 0))
        assert server.address is not None
        try:
            async with asyncio.timeout(60):
                return await talk(server.address)
        finally:
            await server.close()

    return asyncio.run(work())


async def _send(address: tuple[str, int], data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(data)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (b"GET /metrics?x=1 HTTP/1.1\r\nAccept:  text/plain \r\n\r\n", 200, b"/metrics text/plain"),
        (b"GET / HTTP/1.0\r\n\r\n", 200, b"/ "),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", 200, b""),
        (b"POST /metrics HTTP/1.1\r\ncontent-length: 9\r\n\r\n", 405, b"method not allowed\n"),
        (b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n", 400, b"bad request\n"),
        (b"GET http://evil.example/ HTTP/1.1\r\n\r\n", 400, b"bad request\n"),
        (b"\x16\x03\x01\x00\r\n\r\n", 400, b"bad request\n"),
        (b"GET /fails HTTP/1.1\r\n\r\n", 500, b"internal server error\n"),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 9000 + b"\r\n\r\n", 431, b"request header fields too large\n"),
    ],
)
def test_what_is_asked_and_answered(
    request_: bytes, status: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = _with(Server(_answer), lambda address: _send(address, request_))
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in head
    assert rest == body
    assert (b"allow: GET, HEAD" in head) is (status == 405)
    assert "a secret" not in caplog.text


def test_a_head_that_never_ends_is_given_up() -> None:
    async def talk(address: tuple[str, int]) -> bytes:
        return await _send(address, b"GET / HTTP/1.1\r\nslow:")

    assert _with(Server(_answer, head_s=0.1), talk) == b""


def test_who_holds_connections_open_keeps_nobody_out() -> None:
    async def talk(address: tuple[str, int]) -> bytes:
        held = [await asyncio.open_connection(*address) for _ in range(20)]
        answer = await _send(address, b"GET /after HTTP/1.1\r\n\r\n")
        gone = [await reader.read() for reader, _ in held[:16]]
        assert gone == [b""] * 16, "the oldest had to go"
        for _, writer in held:
            writer.close()
        return answer

    assert b"200 OK" in _with(Server(_answer, connections_max=4), talk)


def test_an_answer_that_is_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "SEND_S", 0.2)

    async def huge(_: Asked) -> Reply:
        return Reply(200, b"x" * (64 << 20))

    async def talk(address: tuple[str, int]) -> bytes:
        reader, writer = await asyncio.open_connection(*address, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        while server._open or not seen:
            seen.extend(server._open)
            await asyncio.sleep(0.02)
        writer.transport.abort()
        assert reader is not None
        return b""

    seen: list[object] = []
    server = Server(huge)
    _with(server, talk)


def test_an_answer_that_takes_too_long_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "ANSWER_S", 0.1)
    answer = _with(Server(_answer), lambda address: _send(address, b"GET /hangs HTTP/1.1\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert plain(404).body == b"not found\n"


def test_closing_ends_what_is_under_way() -> None:
    async def talk(address: tuple[str, int]) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /hangs HTTP/1.1\r\n\r\n")
        while not server._open:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await server.close()
        assert not server._open
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        with pytest.raises(OSError):
            await asyncio.open_connection(*address)
        return b""

    server = Server(_answer)
    _with(server, talk)
