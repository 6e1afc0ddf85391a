"""Exchanges as the corpora write them down."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from weir.shadow.signals import Sighting, score

__all__ = ["Exchanged", "ex"]

# What programs and browsers send when they say nothing of themselves.
PLAIN = {"User-Agent": "python-httpx/0.28.1", "Accept": "*/*", "Accept-Encoding": "gzip"}


@dataclass(frozen=True)
class Exchanged:
    """One exchange; a body is bytes, text, or a document that is sent as JSON."""

    name: str
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    reply: Any = b""
    replied: dict[str, str] = field(default_factory=dict)
    host: str = "app.example.com"
    port: int = 443
    kind: str = ""

    def score(self, with_reply: bool = True) -> Sighting:
        """What the signals make of it, or of its request alone."""
        headers = {**PLAIN, **({"Content-Type": "application/json"} if self.body is not None else {}), **self.headers}
        reply = (self.replied, _bytes(self.reply)) if with_reply else ({}, b"")
        body = None if self.body is None else _bytes(self.body)
        return score(self.method, self.host, self.path, headers, body, *reply, self.port)


def ex(name: str, line: str, body: Any = None, **more: Any) -> Exchanged:
    """``line`` is the method and the path."""
    method, path = line.split(" ", 1)
    return Exchanged(name, method, path, body, **more)


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
