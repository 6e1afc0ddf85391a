"""A load generator for proxies: CONNECT, TLS inside, keep-alive, one JSON line of figures. Bounded in count and time.

Run as a process of its own so that its CPU is not the proxy's:
    python scripts/benches/load.py --proxy HOST:PORT --target HOST:PORT --sni NAME --ca FILE --connections 16 …
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import ssl
import time

WORDS = [
    "river",
    "stone",
    "cloud",
    "ledger",
    "paper",
    "harbour",
    "window",
    "garden",
    "engine",
    "letter",
    "market",
    "silver",
    "simple",
    "quiet",
    "narrow",
]


def body_of(size: int, stream: bool, seed: int) -> bytes:
    """A chat request of about `size` bytes; every seed gives another text, so that no cache answers for the work."""
    chance = random.Random(seed)
    text = []
    length = 0
    while length < size:
        word = chance.choice(WORDS) + str(chance.randrange(100))
        text.append(word)
        length += len(word) + 1
    message = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": " ".join(text)}]}
    if stream:
        message |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(message).encode()


class Client:
    """One connection that sends one request after the other."""

    def __init__(self, options: argparse.Namespace, tls: ssl.SSLContext) -> None:
        self.options, self.tls = options, tls
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Connect, through the proxy if there is one."""
        host, _, port = (self.options.proxy or self.options.target).rpartition(":")
        if not self.options.proxy:
            self.reader, self.writer = await asyncio.open_connection(
                host, int(port), ssl=self.tls, server_hostname=self.options.sni
            )
            return
        self.reader, self.writer = await asyncio.open_connection(host, int(port))
        self.writer.write(f"CONNECT {self.options.target} HTTP/1.1\r\nHost: {self.options.target}\r\n\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], head
        await self.writer.start_tls(self.tls, server_hostname=self.options.sni)

    def close(self) -> None:
        """Drop the connection."""
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def request(self, body: bytes) -> tuple[float, float]:
        """Send one request; seconds until the first body byte and until the end."""
        if self.writer is None:
            await self.open()
        assert self.reader and self.writer
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {self.options.sni}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.options.key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        begun = time.perf_counter()
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        status = answer.split(b"\r\n", 1)[0]
        assert b" 200 " in status, answer
        lowered = answer.lower()
        if b"transfer-encoding: chunked" in lowered:
            first = 0.0
            while True:
                size = int((await self.reader.readline()).strip(), 16)
                if size:
                    await self.reader.readexactly(size)
                first = first or time.perf_counter()
                await self.reader.readline()
                if not size:
                    break
        else:
            length = int(lowered.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            await self.reader.readexactly(1)
            first = time.perf_counter()
            await self.reader.readexactly(length - 1)
        ended = time.perf_counter()
        return first - begun, ended - begun


async def worker(options: argparse.Namespace, tls: ssl.SSLContext, bodies: list[bytes], out: list) -> None:
    """Work through `bodies` on one connection, or on a new one each."""
    client = Client(options, tls)
    deadline = time.monotonic() + options.seconds
    for body in bodies:
        if time.monotonic() > deadline:
            break
        begun = time.perf_counter()
        times = await client.request(body)
        out.append((times[0], time.perf_counter() - begun))
        if options.new_connections:
            client.close()
    client.close()


async def main(options: argparse.Namespace) -> None:
    """Warm up, run, print."""
    tls = ssl.create_default_context(cafile=options.ca)
    tls.set_alpn_protocols(["http/1.1"])
    n, connections = options.requests, options.connections
    bodies = [body_of(options.size, options.stream, options.seed * 1_000_003 + i) for i in range(n)]
    shares = [bodies[i::connections] for i in range(connections)]
    times: list[tuple[float, float]] = []
    begun = time.perf_counter()
    await asyncio.gather(*(worker(options, tls, share, times) for share in shares))
    took = time.perf_counter() - begun
    whole = sorted(t[1] for t in times)
    first = sorted(t[0] for t in times)
    print(
        json.dumps(
            {
                "requests": len(times),
                "seconds": took,
                "rate": len(times) / took,
                "p50_ms": whole[len(whole) // 2] * 1e3,
                "p99_ms": whole[int(len(whole) * 0.99)] * 1e3,
                "first_p50_ms": first[len(first) // 2] * 1e3,
                "first_p99_ms": first[int(len(first) * 0.99)] * 1e3,
            }
        )
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", default="")
    parser.add_argument("--target", required=True)
    parser.add_argument("--sni", default="api.openai.com")
    parser.add_argument("--ca", required=True)
    parser.add_argument("--key", default="bench-key")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--new-connections", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
