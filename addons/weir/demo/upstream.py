"""The other side of weir: what really reached the provider doubles, asked of their control port."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Arrived", "Upstream"]

_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Arrived:
    """One request as a double received it, and how far its reply went: ``events`` written, ``ended`` or not."""

    number: int
    host: str
    target: str = field(repr=False)  # may hold a key
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    sent: bytes = field(repr=False)
    status: int
    events: int
    ended: bool

    def holds(self, text: str) -> bool:
        """True when ``text`` stands anywhere in the request: target, headers or body."""
        whole = "\n".join((self.target, *(f"{name}: {value}" for name, value in self.headers)))
        return text in whole or text.encode() in self.body


class Upstream:
    """The doubles behind one control port (TCP, loopback). Raises OSError when they are gone."""

    def __init__(self, control: int) -> None:
        self._control = control

    def arrived(self, after: int = 0) -> list[Arrived]:
        """The requests with a number above ``after``, oldest first."""
        rows: list[dict[str, Any]] = self._call("GET", "/requests")
        return [_arrived(row) for row in rows if row["number"] > after]

    def mark(self) -> int:
        """The number of the newest request: ``arrived(mark)`` gives what came later."""
        rows: list[dict[str, Any]] = self._call("GET", "/requests?bodies=0")
        return max((int(row["number"]) for row in rows), default=0)

    def connections(self) -> int:
        """How many connections were accepted so far."""
        return len(self._call("GET", "/connections"))

    def hold(self, host: str, gate: str) -> None:
        """Have the next stream from ``host`` wait before every event but the first. ``gate``: letters and hyphens."""
        self._call("POST", "/behave", {"behaviour": f"gate={gate}", "host": host, "times": 1})

    def release(self, gate: str) -> None:
        """Let everything through that waits there, from now on."""
        self._call("POST", f"/gate/{gate}?n=all")

    def _call(self, method: str, path: str, value: Mapping[str, object] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._control, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, body=json.dumps(value) if value is not None else None)
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            raise OSError(f"the doubles' control port answered {reply.status}")
        return json.loads(body)


def _arrived(row: Mapping[str, Any]) -> Arrived:
    reply = row["reply"]
    return Arrived(
        number=row["number"],
        host=row["host"].partition(":")[0],
        target=row["target"],
        headers=tuple((name, value) for name, value in row["headers"]),
        body=base64.b64decode(row.get("body", "")),
        sent=base64.b64decode(reply.get("sent", "")),
        status=reply["status"],
        events=reply["events"],
        ended=reply["ended"],
    )
