"""HTTP/1.1 through the proxy on asyncio, stage by stage, so that a client can leave, or dawdle, at any of them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator

__all__ = ["Counted", "Line", "Refused"]

_LINGER_NONE = struct.pack("ii", 1, 0)


class Refused(ConnectionError):
    """The proxy gave no tunnel."""


class Line:
    """One connection to the proxy, as far as it was opened. ``room``: bytes the kernel may hold for a slow reader."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._plain: socket.socket = writer.get_extra_info("socket")

    @classmethod
    async def tunnel(cls, proxy: tuple[str, int], target: str, *, room: int = 0) -> Line:
        """CONNECT to ``target`` (HOST:PORT). Raises Refused, OSError, EOFError."""
        link = socket.socket(socket.AF_INET)
        link.setblocking(False)
        if room:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        try:
            await asyncio.get_running_loop().sock_connect(link, proxy)
            line = cls(*await asyncio.open_connection(sock=link, limit=max(room, 16 * 1024)))
        except BaseException:
            link.close()
            raise
        try:
            line.writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            status, _ = await line.head()
        except BaseException:
            line.leave()
            raise
        if status != 200:
            line.leave()
            raise Refused(str(status))
        return line

    async def secure(self, context: ssl.SSLContext, name: str) -> Line:
        """TLS in the tunnel. Raises OSError."""
        try:
            await self.writer.start_tls(context, server_hostname=name)
        except BaseException:
            self.leave()
            raise
        return self

    async def send(self, data: bytes) -> None:
        """Send, waiting for who reads."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """A status line and headers, names in lower case. Raises EOFError when the connection ends instead."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def body(self, headers: dict[str, str]) -> AsyncIterator[bytes]:
        """The body that these headers announce, in the pieces in which it was framed."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                yield await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readexactly(2)
        else:
            yield await self.reader.readexactly(int(headers["content-length"]))

    async def reply(self) -> tuple[int, dict[str, str], bytes]:
        """A whole reply."""
        status, headers = await self.head()
        return status, headers, b"".join([piece async for piece in self.body(headers)])

    def leave(self, *, reset: bool = False) -> None:
        """Go at once, without a word; ``reset``: so that the other side's kernel says so."""
        if reset and self._plain.fileno() >= 0:
            self._plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self.writer.transport.abort()


class Counted:
    """TLS inside a tunnel in which each byte is counted, both ways: what weir says of traffic it does not decrypt."""

    def __init__(self, line: Line, context: ssl.SSLContext, name: str) -> None:
        self.up = self.down = 0
        self._line = line
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)

    async def _read(self) -> bytes:
        data = await self._line.reader.read(65536)
        self.down += len(data)
        return data

    async def _flush(self) -> None:
        data = self._out.read()
        self.up += len(data)
        await self._line.send(data)

    async def exchange(self, request: bytes) -> bytes:
        """Shake hands, send, and read the first of what comes back. Raises OSError, EOFError."""
        steps = (self._tls.do_handshake, lambda: self._tls.write(request), lambda: self._tls.read(65536))
        result: object = b""
        for step in steps:
            while True:
                try:
                    result = step()
                    await self._flush()
                    break
                except ssl.SSLWantReadError:
                    await self._flush()
                    data = await self._read()
                    if not data:
                        raise EOFError("the origin left") from None
                    self._in.write(data)
        return bytes(result) if isinstance(result, bytes) else b""

    async def end(self) -> None:
        """End this side and count what is still to come."""
        self._line.writer.write_eof()
        while await self._read():
            continue
        self._line.leave()
