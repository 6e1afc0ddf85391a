"""The load of `scripts/bench peers`: one thread, raw sockets, an epoll loop; it costs some 20 to 60 µs a request.

A process of its own. It opens its connections (by CONNECT and TLS, by TLS, or in the clear), warms up, writes `ready`,
waits for a line on stdin, measures, and writes one line of JSON. The bodies come from a file that all contenders share.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import resource
import select
import socket
import ssl
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Figures", "main"]

END = b"0\r\n\r\n"  # of a chunked body: no text of ours ends like that
STUCK_S = 30.0  # without any byte: what is measured hangs


class Refused(Exception):
    """An answer that is not the one that was asked for."""


@dataclass
class Figures:
    """What was seen, in seconds; `taken` is the whole exchange, `first` until the first byte of its reply's body."""

    first: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)

    def summary(self, seconds: float, cpu_s: float) -> dict[str, float]:
        """Everything in milliseconds; `spread` is what lies between the first and the last byte at the median."""

        def at(times: list[float], share: float) -> float:
            return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1e3 if times else 0.0

        n = len(self.taken)
        spread = [whole - first for whole, first in zip(self.taken, self.first, strict=True)]
        return {
            "requests": n,
            "seconds": seconds,
            "rate": n / seconds,
            "p50_ms": at(self.taken, 0.5),
            "p99_ms": at(self.taken, 0.99),
            "first_p50_ms": at(self.first, 0.5),
            "first_p99_ms": at(self.first, 0.99),
            "spread_ms": at(spread, 0.5),
            "load_cpu_s": cpu_s,
        }


class Way:
    """How a connection is opened: `proxy` HOST:PORT or none, `target` HOST:PORT, TLS context or none for clear text."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.tls: ssl.SSLContext | None = None
        if options.ca:
            self.tls = ssl.create_default_context(cafile=options.ca)
            self.tls.set_alpn_protocols(["http/1.1"])

    def open(self) -> socket.socket:
        """A connected socket that does not block. Raises OSError, Refused."""
        target: str = self.options.target
        host, _, port = (self.options.proxy or target).rpartition(":")
        sock = socket.create_connection((host, int(port)), timeout=STUCK_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.options.proxy:
            sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                got = sock.recv(4096)
                answer += got
                if not got:
                    break
            if b" 200 " not in answer.split(b"\r\n", 1)[0]:
                raise Refused(f"CONNECT: {answer[:200]!r}")
        if self.tls:
            sock = self.tls.wrap_socket(sock, server_hostname=self.options.sni)
        sock.setblocking(False)
        return sock


class Bodies:
    """Requests of equal length from a file, each once; `recycle` starts again at its end."""

    def __init__(self, options: argparse.Namespace, key: str) -> None:
        with Path(options.bodies).open("rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.length, self.recycle, self.next = options.length, options.recycle, 0
        self.count = len(self.map) // self.length
        lines = [f"POST {options.path} HTTP/1.1", f"Host: {options.sni}", "Content-Type: application/json"]
        lines += [f"Authorization: Bearer {key}", *options.header, f"Content-Length: {self.length}", "", ""]
        self.head = "\r\n".join(lines).encode()

    def take(self) -> bytes | None:
        """The next request, or None when all have been sent."""
        if self.next >= self.count:
            if not self.recycle:
                return None
            self.next = 0
        begin = self.next * self.length
        self.next += 1
        return self.head + self.map[begin : begin + self.length]


class Connection:
    """One request after the other; `out` is what is still to be sent, `need` bytes of the reply's body are to come."""

    __slots__ = ("begun", "chunked", "first", "head", "need", "out", "sock", "tail")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.out = memoryview(b"")
        self.head: bytes | None = b""
        self.tail = b""
        self.begun = self.first = 0.0
        self.need, self.chunked = 0, False

    def begin(self, request: bytes) -> None:
        """Start an exchange; `send` has yet to be called."""
        self.out, self.head, self.tail, self.first = memoryview(request), b"", b"", 0.0
        self.begun = time.perf_counter()

    def send(self) -> bool:
        """True when everything is out."""
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return False
        return True

    def feed(self, data: bytes) -> bool:
        """True when the reply is whole. Raises Refused for any status but 200."""
        if self.head is not None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return False
            head, data = self.head[:end].lower(), self.head[end + 4 :]
            if not head.startswith((b"http/1.1 200", b"http/1.0 200")):
                raise Refused(repr(self.head[:600]))
            self.head, self.chunked = None, b"transfer-encoding: chunked" in head
            if not self.chunked:
                self.need = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if not data:
            return False
        if not self.first and (not self.chunked or b"\n" in data.partition(b"\r\n")[2]):
            self.first = time.perf_counter()  # a chunk's size alone is not yet a chunk
        if self.chunked:
            self.tail = (self.tail + data)[-5:]
            return self.tail == END
        self.need -= len(data)
        return self.need <= 0


class Load:
    """All connections and their loop."""

    def __init__(self, options: argparse.Namespace, bodies: Bodies) -> None:
        self.options, self.bodies, self.way = options, bodies, Way(options)
        self.poll = select.epoll()
        self.idle: list[Connection] = []
        self.busy: dict[int, Connection] = {}
        for _ in range(options.connections):
            self.idle.append(Connection(self.way.open()))

    def run(self, seconds: float, at_least: int) -> Figures:
        """Send until `seconds` are over and `at_least` are answered (in no more than three times that), then wait."""
        figures = Figures()
        begun = time.perf_counter()
        for connection in self.idle:
            self._start(connection)
        self.idle = []
        heard = time.monotonic()
        while self.busy:
            events = self.poll.poll(1.0)
            if events:
                heard = time.monotonic()
            elif time.monotonic() - heard > STUCK_S:
                raise Refused(f"no byte for {STUCK_S:.0f} s, {len(self.busy)} requests open")
            for number, _ in events:
                connection = self.busy.get(number)
                if connection and self._turn(connection, figures):
                    past = time.perf_counter() - begun
                    del self.busy[number]
                    if past < seconds or (len(figures.taken) < at_least and past < 3 * seconds):
                        self._start(connection)
                    else:
                        self._rest(connection)
        return figures

    def _start(self, connection: Connection) -> None:
        request = self.bodies.take()
        if request is None:
            return self._rest(connection)
        connection.begin(request)
        number = connection.sock.fileno()
        self.busy[number] = connection
        want = select.EPOLLIN if connection.send() else select.EPOLLIN | select.EPOLLOUT
        try:
            self.poll.modify(number, want)
        except FileNotFoundError:
            self.poll.register(number, want)

    def _rest(self, connection: Connection) -> None:
        self.idle.append(connection)

    def _turn(self, connection: Connection, figures: Figures) -> bool:
        """One readiness of a socket; True when its exchange is over."""
        if connection.out and connection.send():
            self.poll.modify(connection.sock.fileno(), select.EPOLLIN)
        while True:
            try:
                data = connection.sock.recv(262_144)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            if not data:
                raise Refused("the connection was closed in the middle of an exchange")
            if connection.feed(data):
                now = time.perf_counter()
                figures.first.append((connection.first or now) - connection.begun)
                figures.taken.append(now - connection.begun)
                return True


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", default="")
    parser.add_argument("--target", required=True)
    parser.add_argument("--sni", default="api.openai.com")
    parser.add_argument("--ca", default="", help="none: no TLS")
    parser.add_argument("--path", default="/v1/chat/completions")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--bodies", required=True)
    parser.add_argument("--length", type=int, required=True)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--warm", type=float, default=0.5)
    parser.add_argument("--at-least", type=int, default=100)
    parser.add_argument("--recycle", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Open, warm up, wait for the word, measure, print."""
    options = arguments()
    bodies = Bodies(options, os.environ.get("BENCH_KEY", "bench-key"))
    try:
        load = Load(options, bodies)
        load.run(options.warm, 1)
        print("ready", flush=True)
        sys.stdin.readline()
        before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        figures = load.run(options.seconds, options.at_least)
        took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    except (Refused, OSError) as error:
        print(f"load: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps(figures.summary(took, cpu_s)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
