"""A proxy whose upstream, behind port 7443 of every host, does what a test says; and pieces of replies."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx

from e2e.support import House, chat_body
from harness.badupstream import BadUpstream, Chains, drop
from harness.canary import CANARIES

__all__ = ["EVENTS", "HEAD", "HOST", "QUOTED", "REPLY", "URL", "Rig", "event", "sized"]

HOST = "api.openai.com"
URL = f"https://{HOST}:7443/v1/chat/completions"
GOOD = f"https://{HOST}/v1/chat/completions"
IN_TIME_S = 45.0  # less than any client here waits, and time enough on a busy machine
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
REPLY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Good day."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
).encode()
QUOTED = CANARIES.plant("garbage-that-nobody-quotes-5e1f", "what a broken upstream sent").encode()


def event(text: str) -> bytes:
    delta = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini"}
    data = b"data: " + json.dumps({**delta, "choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def sized(body: bytes, more: bytes = b"") -> bytes:
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Rig:
    """The proxy, and the upstream behind port 7443 of every host."""

    def __init__(self, house: House, upstream: BadUpstream, chains: Chains) -> None:
        self.house, self.upstream, self.chains = house, upstream, chains
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}

    def tls(self, link: socket.socket, kind: str = "good", alpn: str = "http/1.1") -> ssl.SSLSocket:
        if (kind, alpn) not in self._contexts:
            self._contexts[kind, alpn] = self.chains.context(kind, alpn)
        return self._contexts[kind, alpn].wrap_socket(link, server_side=True)

    def asked(self, link: socket.socket, kind: str = "good") -> ssl.SSLSocket:
        """TLS, and the request read whole."""
        inner = self.tls(link, kind)
        got = b""
        while b"\r\n\r\n" not in got:
            got += inner.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))[15:])
        while len(body) < length:
            body += inner.recv(65536)
        return inner

    def says(self, data: bytes, *, reset: bool = False, stay: bool = False) -> Callable[[socket.socket], None]:
        """Answer the first request with these bytes, then end the connection, or keep it."""

        def serve(link: socket.socket) -> None:
            inner = self.asked(link)
            inner.sendall(data)
            if stay:
                inner.recv(1)
            elif reset:
                time.sleep(0.1)  # a reset takes with it what nobody has read yet
            drop(inner, reset=reset)

        return serve

    def ask(self, *, http2: bool = False, stream: bool = False) -> tuple[int, bytes, str]:
        """Status (0: none came), what came of the body, and what broke it off (nothing: a clean end)."""
        headers = {"authorization": f"Bearer {self.house.key}", "content-type": "application/json"}
        status, said, began = 0, b"", time.monotonic()
        try:
            with (
                self.house.client(http2=http2) as http,
                http.stream("POST", URL, content=chat_body("Good day.", stream=stream), headers=headers) as reply,
            ):
                status = reply.status_code
                for part in reply.iter_raw():
                    said += part
            broken = ""
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            broken = type(error).__name__
        assert time.monotonic() - began < IN_TIME_S
        return status, said, broken

    def last(self) -> dict[str, Any]:
        """The one last record of the one exchange."""
        row = self.house.only("response", "error", "block")
        assert {one["exchange_id"] for one in self.house.records()} == {row["exchange_id"]}
        return row

    def goes_on(self) -> None:
        headers = {"authorization": f"Bearer {self.house.key}", "content-type": "application/json"}
        with self.house.client() as http:
            assert http.post(GOOD, content=chat_body("Good day."), headers=headers).status_code == 200
        assert self.house.weir.process.running
