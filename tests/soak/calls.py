"""What clients do over HTTP/1.1: each function is one visit, of one request or several, and writes down each."""

from __future__ import annotations

import json
import ssl
import time

from soak.wire import Counted, Line
from soak.world import API, METERED, SMALL, UNHEARD, Call, World

__all__ = ["VISITS", "visited"]

CHAT = "/v1/chat/completions"


async def _line(world: World, *, room: int = 0) -> Line:
    return await (await Line.tunnel(world.proxy, f"{API}:443", room=room)).secure(world.trusted, API)


async def _post(world: World, line: Line, call: Call, body: bytes, **more: str) -> bytes:
    await line.send(world.head(call, more.pop("target", CHAT), len(body), **more) + body)
    call.status, _, answer = await line.reply()
    return answer


class visited:
    """``async with visited(world, kind) as call``: the call is written down however the block ends.

    Only what a client was not meant to do raises: then the row has ``error``, the kind of the exception.
    """

    def __init__(self, world: World, kind: str) -> None:
        self._world, self._call, self._begun = world, world.call(kind), time.monotonic()

    async def __aenter__(self) -> Call:
        return self._call

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._call.seen["error"] = kind.__name__
        self._world.write(self._call, self._begun)


async def keep_alive(world: World) -> None:
    """Some requests on one connection; personal data must be whole again in the answer."""
    line = await _line(world)
    try:
        for number in range(world.chance.randrange(2, 9)):
            async with visited(world, "plain") as call:
                person = world.chance.choice(world.people)
                text = world.text() if number % 3 else f"{world.text(200)} Write to {person} about it."
                answer = await _post(world, line, call, world.chat(text))
                if not number % 3 and call.status == 200:
                    call.seen["restored"] = person.encode() in answer
            await world.pause(0.0, 0.5)
    finally:
        line.leave(reset=world.chance.random() < 0.1)


async def alone(world: World) -> None:
    """A connection for one request."""
    line = await _line(world)
    try:
        async with visited(world, "new connection") as call:
            await _post(world, line, call, world.chat(world.text()))
    finally:
        line.leave()


async def stream(world: World) -> None:
    """Streams on one connection, each event as it comes."""
    line = await _line(world)
    try:
        for _ in range(world.chance.randrange(1, 4)):
            async with visited(world, "stream") as call:
                await _stream(world, line, call, "delay=10,pieces=60")
    finally:
        line.leave()


async def _stream(world: World, line: Line, call: Call, double: str, slow_s: float = 0.0) -> None:
    body = world.chat(world.text(400), stream=True)
    await line.send(world.head(call, CHAT, len(body), double=double) + body)
    call.status, headers = await line.head()
    last = b""
    async for piece in line.body(headers):
        last = (last + piece)[-200:]
        if slow_s:
            await world.pause(slow_s, 2 * slow_s)
    call.seen["whole"] = last.rstrip().endswith(b"data: [DONE]")


async def slow(world: World) -> None:
    """A stream whose reader takes a little at a time."""
    line = await _line(world, room=4096)
    try:
        async with visited(world, "slow reader") as call:
            await _stream(world, line, call, "size=30000,pieces=200", 0.02)
    finally:
        line.leave()


async def blocked(world: World) -> None:
    """A credential in the prompt; the connection is good for more."""
    line = await _line(world)
    try:
        async with visited(world, "blocked") as call:
            await _post(world, line, call, world.chat(f"Deploy with {world.chance.choice(world.secrets)} please."))
        async with visited(world, "plain") as call:
            await _post(world, line, call, world.chat(world.text(200)))
    finally:
        line.leave()


async def spending(world: World) -> None:
    """Draw on a small budget until it refuses."""
    line = await _line(world)
    try:
        async with visited(world, "small budget") as call:
            body = world.chat("How high is the river?", model=SMALL, max_tokens=20)
            answer = await _post(world, line, call, body)
            if call.status == 200:
                call.seen["tokens"] = json.loads(answer)["usage"]["total_tokens"]
    finally:
        line.leave()


async def upload(world: World) -> None:
    """A file in a form, up to four megabytes."""
    size = min(world.upload_kb, world.chance.choice((16, 64, 64, 256, 256, 1024, 4096))) * 1024
    text = world.text(8000)
    file = (text * (size // len(text) + 1))[: size - 1000]
    edge = f"edge{world.chance.randrange(10**9)}"
    parts = f'--{edge}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--{edge}\r\n'
    parts += 'Content-Disposition: form-data; name="file"; filename="notes.txt"\r\nContent-Type: text/plain\r\n\r\n'
    body = f"{parts}{file}\r\n--{edge}--\r\n".encode()
    line = await _line(world)
    try:
        async with visited(world, "upload") as call:
            call.seen["bytes"] = len(body)
            more = {"target": "/v1/files", "kind": f"multipart/form-data; boundary={edge}", "key": world.raw}
            await _post(world, line, call, body, **more)
    finally:
        line.leave()


async def metered(world: World) -> None:
    """Traffic that is not AI's: weir must count what this client counts."""
    async with visited(world, "metered") as call:
        line = await Line.tunnel(world.proxy, f"{METERED}:443")
        try:
            counted = Counted(line, world.origin, METERED)
            filler = "x" * world.chance.randrange(100_000)
            head = f"POST /v1/count HTTP/1.1\r\nHost: {METERED}\r\nContent-Length: {len(filler)}\r\n\r\n"
            answer = await counted.exchange((head + filler).encode())
            call.status = int(answer.split(b" ", 2)[1])
            await counted.end()
            call.seen |= {"up": counted.up, "down": counted.down}
        finally:
            line.leave()


async def leaving(world: World) -> None:
    """Leave at some phase of an exchange."""
    phase = world.chance.choice(("body", "body", "waiting", "waiting", "reply", "reply"))
    line = await _line(world)
    try:
        async with visited(world, "abort") as call:
            call.phase = phase
            body = world.chat(world.text(2000), stream=phase == "reply")
            double = {"waiting": "hold=never", "reply": "delay=50,pieces=5"}.get(phase, "")
            if phase == "body":
                await line.send(world.head(call, CHAT, len(body)) + body[: world.chance.randrange(1, len(body))])
            else:
                await line.send(world.head(call, CHAT, len(body), double=double) + body)
            if phase == "reply":
                call.status, headers = await line.head()
                async for _ in line.body(headers):
                    if world.chance.random() < 0.3:
                        break
            await world.pause(0.1, 0.6)
    finally:
        line.leave(reset=world.chance.random() < 0.5)


async def early(world: World) -> None:
    """Leave before there is a request: nothing but the name that it wanted says who it was."""
    phase = world.chance.choice(("tunnel", "handshake", "secured", "head"))
    async with visited(world, "abort") as call:
        name = f"{call.id.replace('/', '-').replace('.', '-')}.{UNHEARD}"
        call.phase, call.seen["name"] = phase, name
        line = await Line.tunnel(world.proxy, f"{name}:443")
        try:
            if phase == "handshake":
                outgoing = ssl.MemoryBIO()
                hello = world.trusted.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
                try:
                    hello.do_handshake()
                except ssl.SSLWantReadError:
                    await line.send(outgoing.read()[: world.chance.randrange(1, 120)])
            elif phase != "tunnel":
                await line.secure(world.trusted, name)
                if phase == "head":
                    await line.send(b"POST /openai/v1/responses HTTP/1.1\r\nHost: soak-")
            await world.pause(0.0, 0.3)
        finally:
            line.leave(reset=world.chance.random() < 0.5)


VISITS = {  # how often each comes
    keep_alive: 6,
    alone: 5,
    stream: 5,
    blocked: 2,
    spending: 1,
    upload: 2,
    metered: 3,
    leaving: 3,
    early: 2,
    slow: 1,
}
