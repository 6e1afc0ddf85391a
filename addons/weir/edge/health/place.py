"""Where a listener of weir's own is found: a TCP address, or a Unix socket in the data directory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weir.datadir import write_private

__all__ = ["ask", "is_local", "is_local_host", "tcp", "tell", "told", "unix"]

_TOLD = "health.json"


def tcp(host: str, port: int) -> socket.socket:
    """A socket bound to the address, which does not listen yet; port 0 takes a free one. Raises OSError."""
    places = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, _, _, address = places[0]
    made = socket.socket(family, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def unix(path: Path) -> socket.socket:
    """A socket bound to ``path``, which nobody but its owner may use, in place of one that was left. Raises OSError."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with _short(path) as address:
            made.bind(address)
        path.chmod(0o600)
    except OSError:
        made.close()
        raise
    return made


def is_local(sock: socket.socket) -> bool:
    """Whether nobody on another machine can come to it."""
    if sock.family == socket.AF_UNIX:
        return True
    return is_local_host(str(sock.getsockname()[0]))


def is_local_host(host: str) -> bool:
    """The same of an address."""
    return host == "::1" or host.startswith("127.")


async def ask(path: Path, target: str, *, timeout_s: float, bytes_max: int) -> tuple[int, bytes]:
    """The status and the body of ``GET target`` from who listens at the Unix socket ``path``.

    Raises OSError, with TimeoutError among them, when there is no whole answer in time or it is too long.
    """
    async with asyncio.timeout(timeout_s):
        with _short(path) as address:
            reader, writer = await asyncio.open_unix_connection(address)
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nhost: weir\r\n\r\n".encode("ascii"))
            answer = await _whole(reader, bytes_max)
        finally:
            writer.transport.abort()
    head, gap, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if not gap or len(words) < 2 or not words[1].isdigit():
        raise ConnectionError("no HTTP answer")
    return int(words[1]), body


async def _whole(reader: asyncio.StreamReader, bytes_max: int) -> bytes:
    answer = bytearray()
    while chunk := await reader.read(65536):
        answer += chunk
        if len(answer) > bytes_max:
            raise ConnectionError("the answer is too long")
    return bytes(answer)


def tell(run: Path, address: tuple[str, int] | None) -> None:
    """Write into the directory where other commands look at which address weir's health is told; None: at none.

    Raises DataDirError.
    """
    if address is None:
        (run / _TOLD).unlink(missing_ok=True)
    else:
        write_private(run / _TOLD, json.dumps({"listen": list(address), "pid": os.getpid()}).encode())


def told(run: Path) -> tuple[str, int] | None:
    """What ``tell`` wrote, if there is anything that can be read."""
    try:
        host, port = json.loads((run / _TOLD).read_bytes())["listen"]
        return str(host), int(port)
    except (OSError, ValueError, TypeError, KeyError):
        return None


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of ``path`` that fits into the 107 bytes which an address may have."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
