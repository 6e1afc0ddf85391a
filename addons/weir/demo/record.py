"""What the doubles received and sent, so that a test can prove what did, and what did not, reach a provider."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .wire import Connection, Request

__all__ = ["Entry", "Log"]

_ENTRIES_MAX = 20_000
_BYTES_MAX = 512 * 1024 * 1024  # of bodies and replies kept; beyond it lengths and hashes only
_CONNECTIONS_MAX = 20_000


@dataclass(eq=False)
class Entry:
    """One request and what became of it."""

    number: int
    request: Request
    kind: str = ""
    status: int = 0
    reply_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    sent: bytearray = field(default_factory=bytearray, repr=False)
    sent_bytes: int = 0
    events: int = 0
    ended: bool = False
    lost: bool = False

    def as_json(self, *, bodies: bool = True) -> dict[str, Any]:
        """The entry for the control port: bytes in base64, header names as they came."""
        request = self.request
        value: dict[str, Any] = {
            "number": self.number,
            "kind": self.kind,
            "connection": request.connection.number,
            "sni": request.connection.sni,
            "version": request.version,
            "method": request.method,
            "host": request.authority,
            "target": request.target,
            "headers": _texts(request.headers),
            "body_bytes": len(request.body),
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
            "complete": request.complete,
            "reply": {
                "status": self.status,
                "headers": _texts(self.reply_headers),
                "sent_bytes": self.sent_bytes,
                "events": self.events,
                "ended": self.ended,
                "lost": self.lost,
            },
        }
        if bodies:
            value["body"] = base64.b64encode(request.body).decode()
            value["reply"]["sent"] = base64.b64encode(self.sent).decode()
        return value


def _texts(headers: list[tuple[bytes, bytes]]) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


class Log:
    """The newest requests and connections of this process, bounded."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_ENTRIES_MAX)
        self._of: dict[Request, Entry] = {}
        self.connections: deque[Connection] = deque(maxlen=_CONNECTIONS_MAX)
        self._count = 0

    def open(self, request: Request, kind: str) -> Entry:
        """Note a request whose head has arrived."""
        self._count += 1
        entry = Entry(self._count, request, kind)
        if len(self._entries) == _ENTRIES_MAX:
            self._of.pop(self._entries[0].request, None)
        self._entries.append(entry)
        self._of[request] = entry
        return entry

    def of(self, request: Request) -> Entry:
        """The entry of a request; one that was cleared away meanwhile gets a loose one."""
        return self._of.get(request) or Entry(0, request)

    def sent(self, entry: Entry, data: bytes) -> None:
        """Note bytes that went out, content coding included, transfer coding not."""
        entry.sent_bytes += len(data)
        if len(entry.sent) + len(data) <= _BYTES_MAX // 8:
            entry.sent += data

    def clear(self) -> None:
        """Forget all requests and all closed connections."""
        self._entries.clear()
        self._of.clear()
        self.connections = deque((one for one in self.connections if one.open), maxlen=_CONNECTIONS_MAX)

    def requests(self, *, bodies: bool = True) -> list[dict[str, Any]]:
        """All requests, oldest first; bodies only while they come to less than 512 MB."""
        kept = 0
        rows = []
        for entry in self._entries:
            kept += len(entry.request.body) + len(entry.sent)
            rows.append(entry.as_json(bodies=bodies and kept <= _BYTES_MAX))
        return rows

    def links(self) -> list[dict[str, Any]]:
        """All connections, oldest first."""
        return [
            {"number": one.number, "sni": one.sni, "alpn": one.alpn, "requests": one.requests, "open": one.open}
            for one in self.connections
        ]
