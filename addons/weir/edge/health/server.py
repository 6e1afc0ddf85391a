"""A small HTTP server for numbers about weir: GET and HEAD, one answer a connection, everything bounded.

Nothing of a client is kept but the head of its request, 8 KiB at most. Where there is no place for one more
connection the oldest one goes: whoever holds connections open keeps nobody else out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

__all__ = ["Asked", "Reply", "Server", "plain"]

log = logging.getLogger("weir.health")
CONNECTIONS_MAX = 32
HEAD_BYTES_MAX = 8192
HEAD_S = 5.0  # for the whole head
ANSWER_S = 10.0  # for finding the answer
SEND_S = 10.0  # for the whole answer
_WORDS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about: its path without a query, and the kinds of answer it takes."""

    path: str
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whole in memory."""

    status: int
    body: bytes = field(repr=False)
    kind: str = "text/plain; charset=utf-8"
    more: tuple[tuple[str, str], ...] = ()  # other headers, by their names in lower case


Answer = Callable[[Asked], Awaitable[Reply]]


def plain(status: int, text: str = "") -> Reply:
    """An answer of one line."""
    return Reply(status, (text or _WORDS[status].lower()).encode() + b"\n")


class Server:
    """Listens on one socket and gives what ``answer`` gives. ``address``: HOST and port; none of a Unix socket."""

    def __init__(self, answer: Answer, *, connections_max: int = CONNECTIONS_MAX, head_s: float = HEAD_S) -> None:
        self._answer, self._connections_max, self._head_s = answer, connections_max, head_s
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], None] = {}  # the oldest first
        self.address: tuple[str, int] | None = None

    async def start(self, sock: socket.socket) -> None:
        """Listen on a bound socket, which is the server's from now on. Raises OSError."""
        if sock.family != socket.AF_UNIX:
            self.address = sock.getsockname()[:2]
        sock.setblocking(False)
        # A Unix socket's, too: what is made for those looks for its name, which may be a short one of the moment.
        self._server = await asyncio.start_server(self._begin, sock=sock, limit=HEAD_BYTES_MAX, backlog=64)

    async def close(self) -> None:
        """Listen no more, and end what is under way."""
        if self._server is not None:
            self._server.close()
            self._server = None
        running = list(self._open)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=1.0)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= self._connections_max:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.cancel()
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):  # who goes, or has to go, gets nothing more
                head_only, reply = await self._respond(reader)
                async with asyncio.timeout(SEND_S):
                    writer.write(_head(reply) + (b"" if head_only else reply.body))
                    writer.close()
                    await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _respond(self, reader: asyncio.StreamReader) -> tuple[bool, Reply]:
        """Whether only the head is wanted, and the answer. Raises TimeoutError or another OSError to give none."""
        try:
            async with asyncio.timeout(self._head_s):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return False, plain(431)
        except asyncio.IncompleteReadError:
            raise ConnectionResetError from None
        found = _read(head)
        if found is None:
            return False, plain(400)
        method, asked = found
        if method not in ("GET", "HEAD"):
            return False, plain(405)
        try:
            async with asyncio.timeout(ANSWER_S):
                reply = await self._answer(asked)
        except TimeoutError:
            reply = plain(503, "no answer in time")
        except Exception as error:  # noqa: BLE001  whoever asks is told that there is none, and the log why
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} at {where.filename.rsplit('/', 1)[-1]}:{where.lineno}"
            log.error("a question about weir's health could not be answered: %s", what)
            reply = plain(500)
        return method == "HEAD", reply


def _read(head: bytes) -> tuple[str, Asked] | None:
    """Method and question of a request's head; None when it is none."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[1].startswith("/") or not words[2].startswith("HTTP/1."):
        return None
    accept = ""
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "accept":
            accept = value.strip()
    return words[0], Asked(words[1].partition("?")[0], accept)


def _head(reply: Reply) -> bytes:
    more = "allow: GET, HEAD\r\n" if reply.status == 405 else ""
    more += "".join(f"{name}: {value}\r\n" for name, value in reply.more)
    return (
        f"HTTP/1.1 {reply.status} {_WORDS[reply.status]}\r\ncontent-type: {reply.kind}\r\n"
        f"content-length: {len(reply.body)}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
        f"{more}connection: close\r\n\r\n"
    ).encode("ascii")
