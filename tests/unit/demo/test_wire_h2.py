"""HTTP/2 on the wire: many streams, both windows, resets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import h2.config
import h2.connection
import h2.events
import h2.settings

from weir.demo.wire import Request, Responder
from weir.demo.wire_h2 import Http2

from .scene import Script, serving

HEAD = [(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/x?y=1"), ("x-odd", "1")]
BIG = bytes(range(256)) * 2000  # over one window and many frames


async def echo(request: Request, responder: Responder) -> None:
    await responder.start(200, [(b"Content-Type", b"x/y"), (b"connection", b"close")])
    await responder.send(bytes(request.body))
    await responder.end()


class Client:
    """The other side, as bare as can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, window: int = 65535) -> None:
        self.reader, self.writer = reader, writer
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.state.initiate_connection()
        self.state.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.bodies: dict[int, bytes] = {}
        self.heads: dict[int, dict[str, str]] = {}
        self.ended: set[int] = set()
        self.resets: set[int] = set()

    async def ask(self, stream: int, body: bytes) -> None:
        self.state.send_headers(stream, HEAD, end_stream=not body)
        while body:
            room = min(self.state.local_flow_control_window(stream), self.state.max_outbound_frame_size, len(body))
            if room:
                self.state.send_data(stream, body[:room], end_stream=room == len(body))
                body = body[room:]
            await self.flush()
            if body and not room:
                await self.take()
        await self.flush()

    async def flush(self) -> None:
        self.writer.write(self.state.data_to_send())
        await self.writer.drain()

    async def take(self) -> None:
        data = await self.reader.read(65536)
        assert data, "the server closed"
        for event in self.state.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.heads[event.stream_id] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.resets.add(event.stream_id)
        await self.flush()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 60))  # type: ignore[arg-type]


def test_streams_at_once_in_both_directions_past_every_window() -> None:
    async def scene() -> None:
        script = Script(echo)
        async with serving(Http2, script) as connection:
            client = Client(*connection, window=1000)
            await asyncio.gather(*(client.ask(stream, BIG[stream:]) for stream in (1,)))
            await client.ask(3, b"")
            await client.ask(5, b"small")
            while client.ended != {1, 3, 5}:
                await client.take()
        assert client.bodies.get(1) == BIG[1:]
        assert client.bodies.get(5) == b"small"
        assert client.heads[3] == {":status": "200", "content-type": "x/y"}
        request = script.opened_requests[0]
        assert (request.method, request.target, request.authority) == ("POST", "/x?y=1", "a.example")
        assert request.headers == [(b"x-odd", b"1")]
        assert request.version == "2"

    play(scene)


def test_cut_resets_the_stream_and_leaves_the_others() -> None:
    async def cut_first(request: Request, responder: Responder) -> None:
        if request.body == b"cut":
            await responder.start(200, [])
            await responder.send(b"half")
            await responder.cut()
        await echo(request, responder)

    async def scene() -> None:
        script = Script(cut_first)
        async with serving(Http2, script) as connection:
            client = Client(*connection)
            await client.ask(1, b"cut")
            await client.ask(3, b"whole")
            while not (client.resets and client.ended):
                await client.take()
        assert (client.resets, client.ended) == ({1}, {3})
        assert client.bodies == {1: b"half", 3: b"whole"}
        assert [bytes(one.body) for one in script.lost_requests] == [b"cut"]

    play(scene)


def test_a_stream_given_up_is_noticed_and_only_that_one() -> None:
    async def scene() -> None:
        waiting = asyncio.Event()

        async def wait(request: Request, responder: Responder) -> None:
            if request.body == b"wait":
                waiting.set()
                await asyncio.sleep(60)
            await echo(request, responder)

        script = Script(wait)
        async with serving(Http2, script) as connection:
            client = Client(*connection)
            await client.ask(1, b"wait")
            await waiting.wait()
            client.state.reset_stream(1)
            await client.flush()
            await script.lost_one.wait()
            await client.ask(3, b"on we go")
            while not client.ended:
                await client.take()
        assert client.bodies == {3: b"on we go"}
        assert len(script.lost_requests) == 1

    play(scene)


def test_a_connection_that_ends_loses_all_its_streams() -> None:
    async def scene() -> None:
        both = asyncio.Barrier(3)

        async def wait(_: Request, __: Responder) -> None:
            await both.wait()
            await asyncio.sleep(60)

        script = Script(wait)
        async with serving(Http2, script) as (reader, writer):
            client = Client(reader, writer)
            await client.ask(1, b"a")
            await client.ask(3, b"b")
            await both.wait()
            writer.close()
            await script.lost_one.wait()
        assert len(script.lost_requests) == 2

    play(scene)
