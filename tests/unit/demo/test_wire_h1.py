"""HTTP/1.1 on the wire: byte by byte, chunked, kept alive, broken off, left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from weir.demo.wire import Request, Responder
from weir.demo.wire_h1 import Http1

from .scene import Script, serving

POST = b"POST /x?y=1 HTTP/1.1\r\nHost: a.example\r\nX-Odd: Value\r\nContent-Length: 5\r\n\r\nhello"


async def fixed(request: Request, responder: Responder) -> None:
    body = bytes(request.body)
    await responder.start(200, [(b"content-length", b"%d" % len(body))])
    await responder.send(body)
    await responder.end()


async def streamed(_: Request, responder: Responder) -> None:
    await responder.start(200, [(b"content-type", b"text/event-stream")])
    for part in (b"one", b"", b"two"):
        await responder.send(part)
    await responder.end()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 60))  # type: ignore[arg-type]


def test_what_arrives_is_what_was_sent_however_it_is_cut() -> None:
    async def scene() -> None:
        script = Script(fixed)
        async with serving(Http1, script) as (reader, writer):
            for byte in POST:
                writer.write(bytes([byte]))
                await writer.drain()
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(5) == b"hello"
        request = script.opened_requests[0]
        assert (request.method, request.target, request.authority) == ("POST", "/x?y=1", "a.example")
        assert (b"X-Odd", b"Value") in request.headers
        assert request.complete

    play(scene)


def test_chunked_both_ways_and_requests_sent_ahead() -> None:
    async def scene() -> None:
        script = Script(streamed)
        async with serving(Http1, script) as (reader, writer):
            chunked = (
                b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
            )
            writer.write(chunked + POST)
            for _ in range(2):
                assert b"chunked" in await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(21) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        assert [bytes(one.body) for one in script.opened_requests] == [b"hello", b"hello"]

    play(scene)


def test_a_client_may_ask_before_it_sends() -> None:
    async def scene() -> None:
        async with serving(Http1, Script(fixed)) as (reader, writer):
            head = POST.replace(b"X-Odd: Value", b"Expect: 100-continue")[: -len(b"hello")]
            writer.write(head)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
            writer.write(b"hello")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")

    play(scene)


@pytest.mark.parametrize("reset", [False, True])
def test_cut_breaks_the_body_off(reset: bool) -> None:
    async def cut(_: Request, responder: Responder) -> None:
        await responder.start(200, [(b"content-length", b"100")])
        await responder.send(b"half")
        await responder.cut(reset=reset)

    async def scene() -> None:
        script = Script(cut)
        async with serving(Http1, script) as (reader, writer):
            writer.write(POST)
            await reader.readuntil(b"\r\n\r\n")
            if reset:
                with pytest.raises(ConnectionResetError):
                    while await reader.read(100):
                        continue
            else:
                assert await reader.read(100) == b"half"
                assert await reader.read(100) == b""
        assert len(script.lost_requests) == 1

    play(scene)


def test_a_client_that_leaves_is_noticed_while_the_handler_waits() -> None:
    async def scene() -> None:
        waiting, ended = asyncio.Event(), asyncio.Event()

        async def wait(_: Request, __: Responder) -> None:
            try:
                waiting.set()
                await asyncio.sleep(60)
            finally:
                ended.set()

        script = Script(wait)
        async with serving(Http1, script) as (_, writer):
            writer.write(POST)
            await waiting.wait()
            writer.close()
            await script.lost_one.wait()
            await ended.wait()

    play(scene)
