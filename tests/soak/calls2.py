"""What clients do over HTTP/2 and over WebSockets."""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.client import connect

from soak.calls import CHAT, visited
from soak.wire import Line
from soak.wire2 import H2
from soak.world import API, Call, World

__all__ = ["VISITS"]


def _fields(world: World, call: Call, double: str = "") -> list[tuple[str, str]]:
    pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", API), (":path", CHAT)]
    return [*pseudo, *world.fields(call, double=double)]


async def several(world: World) -> None:
    """Several streams at once on one connection, some of them left or read slowly."""
    line = await (await Line.tunnel(world.proxy, f"{API}:443")).secure(world.trusted2, API)
    link = H2(line)
    try:
        kinds = [world.chance.choice(KINDS) for _ in range(world.chance.randrange(2, 6))]
        done = await asyncio.gather(*(kind(world, link) for kind in kinds), return_exceptions=True)
        for problem in done:
            if isinstance(problem, BaseException):
                raise problem
    finally:
        await link.close()


async def _plain(world: World, link: H2) -> None:
    async with visited(world, "h2 plain") as call:
        stream = await link.ask(_fields(world, call), world.chat(world.text()))
        await link.end(stream)
        _told(call, stream.status, stream.over)


async def _stream(world: World, link: H2, *, slow: bool = False) -> None:
    async with visited(world, "h2 slow reader" if slow else "h2 stream") as call:
        double = "size=30000,pieces=200" if slow else "delay=10,pieces=60"
        body = world.chat(world.text(400), stream=True)
        stream = await link.ask(_fields(world, call, double), body, slow=slow)
        await link.end(stream)
        _told(call, stream.status, stream.over)
        call.seen["whole"] = stream.body.rstrip().endswith(b"data: [DONE]")


async def _slow(world: World, link: H2) -> None:
    await _stream(world, link, slow=True)


async def _left(world: World, link: H2) -> None:
    async with visited(world, "h2 abort") as call:
        call.phase = world.chance.choice(("body", "waiting", "reply"))
        double = {"waiting": "hold=never", "reply": "delay=50,pieces=5"}.get(call.phase, "")
        body = world.chat(world.text(400), stream=call.phase == "reply")
        stream = await link.ask(_fields(world, call, double), body, whole=call.phase != "body")
        if call.phase == "reply":
            await link.first(stream)
            call.status = stream.status
        await world.pause(0.1, 0.5)
        link.leave(stream)


def _told(call: Call, status: int, over: str | None) -> None:
    call.status = status
    if over:
        raise ConnectionError(over)


KINDS = (_plain, _plain, _stream, _stream, _left, _slow)


async def talk(world: World) -> None:
    """A socket with some turns; one in four is left without goodbye."""
    async with visited(world, "websocket") as call:
        headers = {"Authorization": f"Bearer {world.chance.choice(world.keys)}"}
        link = await connect(
            f"wss://{API}/v1/realtime?model=gpt-realtime",
            proxy=f"http://{world.proxy[0]}:{world.proxy[1]}",
            ssl=world.trusted,
            additional_headers=headers,
            user_agent_header=call.id,
            open_timeout=30,
        )
        call.status = 101
        call.seen["turns"] = 0
        try:
            for _ in range(world.chance.randrange(1, 4)):
                content = [{"type": "input_text", "text": world.text(300)}]
                item = {"type": "message", "role": "user", "content": content}
                await link.send(json.dumps({"type": "conversation.item.create", "item": item}))
                await link.send(json.dumps({"type": "response.create"}))
                while json.loads(await link.recv())["type"] != "response.done":
                    continue
                call.seen["turns"] += 1
                await world.pause(0.0, 0.5)
            if world.chance.random() < 0.25:
                call.seen["left"] = True
                link.transport.abort()
        finally:
            await link.close()


VISITS = {several: 3, talk: 2}
