"""The provider doubles as a test sees them."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .canary import CANARIES
from .processes import PATIENCE_S, Process, until

__all__ = ["Doubles", "Received"]


@dataclass(frozen=True)
class Received:
    """One request that reached a double, and what it sent back."""

    number: int
    kind: str
    version: str
    method: str
    host: str
    target: str
    connection: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool
    status: int
    sent: bytes  # content coding included
    events: int
    ended: bool
    lost: bool

    def header(self, name: str) -> str:
        """The first header of that name, "" when there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def _received(row: Mapping[str, Any]) -> Received:
    reply = row["reply"]
    names = ("number", "kind", "version", "method", "host", "target", "connection", "complete")
    return Received(
        **{name: row[name] for name in names},
        headers=tuple((name, value) for name, value in row["headers"]),
        body=base64.b64decode(row.get("body", "")),
        status=reply["status"],
        sent=base64.b64decode(reply.get("sent", "")),
        events=reply["events"],
        ended=reply["ended"],
        lost=reply["lost"],
    )


class Doubles:
    """Start the doubles in ``folder``. Its ``keys.json`` holds secrets: keep it out of what the canary check reads."""

    def __init__(self, folder: Path, *, hosts: Mapping[str, str] | None = None) -> None:
        arguments = ["-m", "weir.demo.doubles", "--dir", str(folder)]
        for host, kind in (hosts or {}).items():
            arguments += ["--host", f"{host}={kind}"]
        self.process = Process("doubles", arguments, folder)
        try:
            ready = until(self._ready, "the doubles' ready line")
        except AssertionError as problem:
            self.process.kill()
            raise AssertionError(f"{problem}\n{self.process.tail()}") from None
        self.tls: int = ready["tls"]
        self.tls_h1: int = ready["tls_h1"]
        self.plain: int = ready["plain"]
        self.control: int = ready["control"]
        self.ca = Path(ready["ca"])
        self.keys: dict[str, str] = json.loads(Path(ready["keys"]).read_text())
        for kind, key in self.keys.items():
            CANARIES.plant(key, f"real {kind} key")

    def _ready(self) -> dict[str, Any] | None:
        if not self.process.running:
            raise AssertionError("the doubles ended at once")
        line, newline, _ = self.process.stdout_path.read_text().partition("\n")
        return json.loads(line) if newline else None

    def resolve(self, *hosts: str, port: int | None = None) -> list[str]:
        """``--resolve`` values that send these hosts to the doubles (``port``: another of their ports)."""
        return [f"{host}:443:127.0.0.1:{port or self.tls}" for host in hosts]

    def call(self, method: str, path: str, value: object = None) -> Any:
        """Call the control port; AssertionError with its answer when it says no."""
        connection = http.client.HTTPConnection("127.0.0.1", self.control, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body=json.dumps(value) if value is not None else None)
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        finally:
            connection.close()
        assert reply.status == 200, f"{method} {path}: {answer}"
        return answer

    def requests(self, host: str = "") -> list[Received]:
        """What arrived so far, oldest first; of one host only, if named."""
        rows = [_received(row) for row in self.call("GET", "/requests")]
        return [row for row in rows if not host or row.host.partition(":")[0] == host]

    def only(self, host: str = "") -> Received:
        """The one request that arrived; AssertionError when there are none or several."""
        rows = self.requests(host)
        assert len(rows) == 1, f"{len(rows)} requests arrived: {[(row.method, row.host, row.target) for row in rows]}"
        return rows[0]

    def connections(self) -> list[dict[str, Any]]:
        """Connections accepted: number, sni, alpn, requests, open."""
        rows: list[dict[str, Any]] = self.call("GET", "/connections")
        return rows

    def waiting(self, gate: str) -> int:
        """How many wait at a gate just now."""
        return int(self.call("GET", "/gates").get(gate, 0))

    def release(self, gate: str, count: int | str = 1) -> None:
        """Let ``count`` events (or ``"all"``) through a gate."""
        self.call("POST", f"/gate/{quote(gate)}?n={count}")

    def behave(self, behaviour: str, *, host: str = "", path: str = "", times: int = 1) -> None:
        """Misbehave so for the next ``times`` requests that match."""
        self.call("POST", "/behave", {"behaviour": behaviour, "host": host, "path": path, "times": times})

    def reset(self) -> None:
        """Forget requests, rules and gates: call it between tests."""
        self.call("POST", "/reset")

    def stop(self) -> None:
        """End the process."""
        self.process.stop()
