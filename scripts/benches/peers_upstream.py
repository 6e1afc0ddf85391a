"""The upstream of `scripts/bench peers`: nginx reads each prompt to its end, then answers; streams come event by event.

What answers behind nginx never sees the prompt: a second nginx server for plain replies, and for streams a small source
that writes an event, waits, and writes the next, so that "first chunk" is a thing of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from load import WORDS
from upstream import CHUNK, REPLY, USAGE, Nginx

__all__ = ["EVENTS", "PAUSE_S", "PeersNginx", "write_bodies"]

EVENTS, PAUSE_S = 10, 0.005


class PeersNginx(Nginx):
    """`port` answers in one piece, `stream_port` with `EVENTS` events, `PAUSE_S` apart; both also as 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "source.sock"
        self.source = subprocess.Popen([sys.executable, str(Path(__file__).resolve()), str(path)])
        deadline = time.monotonic() + 15
        while not path.exists():
            assert time.monotonic() < deadline, "the source of streams did not start"
            time.sleep(0.05)
        super().__init__(folder)

    def _conf(self) -> str:
        reply = REPLY.replace("'", "\\'")
        user = "user root;" if os.geteuid() == 0 else ""
        tls = "ssl_certificate leaf.pem; ssl_certificate_key leaf.key; keepalive_requests 10000000;"
        behind = """proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Content-Length "";
      proxy_pass_request_body off; proxy_method GET; proxy_buffering off;"""
        return f"""
{user} worker_processes 1; pid nginx.pid; error_log error.log crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi; client_max_body_size 100m; client_body_buffer_size 2m; tcp_nodelay on;
  upstream plain {{ server unix:{self.folder}/plain.sock; keepalive 256; keepalive_requests 10000000; }}
  upstream source {{ server unix:{self.folder}/source.sock; keepalive 256; keepalive_requests 10000000; }}
  server {{ listen unix:{self.folder}/plain.sock; keepalive_requests 10000000;
    location / {{ default_type application/json; return 200 '{reply}'; }} }}
  server {{ listen 127.0.0.1:{self.port} ssl; {tls}
    location / {{ proxy_pass http://plain; {behind} }} }}
  server {{ listen 127.0.0.1:{self.stream_port} ssl; {tls}
    location / {{ proxy_pass http://source; {behind} }} }}
}}
"""

    def pids(self) -> list[int]:
        """Of its two processes' roots."""
        return [self.process.pid, self.source.pid]

    def stop(self) -> None:
        """End both."""
        super().stop()
        self.source.terminate()
        self.source.wait(10)


def _chunk(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = _chunk(CHUNK)
LAST = _chunk(USAGE) + b"0\r\n\r\n"


class Source(asyncio.Protocol):
    """Answers each GET with the paced stream."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.asked = transport, b""
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        """The first event at once, the others by the clock."""
        self.asked += data
        if self.asked.endswith(b"\r\n\r\n"):
            self.asked = b""
            self.transport.write(HEAD + EVENT)
            self.loop.call_later(PAUSE_S, self._more, EVENTS - 1)

    def _more(self, left: int) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(EVENT if left else LAST)
        if left:
            self.loop.call_later(PAUSE_S, self._more, left - 1)


def write_bodies(path: Path, size: int, count: int, stream: bool, seed: int) -> int:
    """`count` chat requests whose prompts are `size` bytes, no two alike in any line; returns the length of each."""
    chance = random.Random(seed)
    phrases = [
        " ".join(chance.choice(WORDS) for _ in range(8)) + f" {chance.randrange(10**6)}. " for _ in range(20_000)
    ]
    # by the model's name LiteLLM knows which of the two ports is meant
    model = "gpt-4o" if stream else "gpt-4o-mini"
    message: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": "@"}]}
    if stream:
        message |= {"stream": True, "stream_options": {"include_usage": True}}
    before, _, after = json.dumps(message).partition("@")
    with path.open("wb") as file:
        for _ in range(count):
            text = "".join(chance.choices(phrases, k=size // 40 + 2))[:size]
            file.write(f"{before}{text}{after}".encode())
    return len(before) + size + len(after)


async def _serve(path: str) -> None:
    server = await asyncio.get_running_loop().create_unix_server(Source, path, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
