"""What every client of a soak knows, and where it writes down what it did: one JSON line a request."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

__all__ = ["API", "METERED", "SMALL", "UNHEARD", "Call", "World"]

API = "api.openai.com"
METERED = "api.stock.example"  # in no catalogue: passes undecrypted
UNHEARD = "openai.azure.com"  # below which nobody gets as far as a request; each time it is another name
SMALL = "gpt-4.1-nano"  # the model with a small budget
_WORDS = ("river", "stone", "cloud", "ledger", "paper", "harbour", "window", "garden", "engine", "letter", "market")


@dataclass
class Call:
    """One request as its client saw it. ``status`` 0: there was no reply, or it was not waited for."""

    id: str
    kind: str
    status: int = 0
    phase: str = ""  # where it was left, "" for not at all
    seen: dict[str, Any] = field(default_factory=dict)


class World:
    """Where the proxy is, what is known of it, and the ledger. ``number`` tells client processes apart."""

    def __init__(self, told: dict[str, Any], number: int, ledger: TextIO) -> None:
        self.proxy: tuple[str, int] = (told["host"], told["port"])
        self.number, self._ledger, self._count = number, ledger, 0
        self.keys: list[str] = told["keys"]
        self.raw: str = told["raw"]
        self.upload_kb: int = told["upload_kb"]
        self.secrets: list[str] = told["secrets"]
        self.people: list[str] = told["people"]
        self.marks: list[str] = told["marks"]
        self.chance = random.Random(told["seed"] * 1000 + number)
        self.trusted = _context(told["ca"], "http/1.1")
        self.trusted2 = _context(told["ca"], "h2")
        self.origin = _context(told["origin_ca"], "http/1.1")

    def call(self, kind: str) -> Call:
        """A request with a name of its own, which the audit will have as its user agent."""
        self._count += 1
        return Call(f"soak/{self.number}.{self._count}", kind)

    def write(self, call: Call, begun: float) -> None:
        """Put it into the ledger."""
        took = round((time.monotonic() - begun) * 1000, 1)
        row = {"id": call.id, "kind": call.kind, "status": call.status, "phase": call.phase, "ms": took, **call.seen}
        self._ledger.write(json.dumps(row) + "\n")
        self._ledger.flush()

    def text(self, length: int = 0) -> str:
        """Words of about that many characters, one of them a mark that must turn up nowhere."""
        length = length or self.chance.choice((80, 400, 400, 2000, 12_000))
        words = [self.chance.choice(self.marks)]
        size = 0
        while size < length:
            words.append(f"{self.chance.choice(_WORDS)}{self.chance.randrange(100)}")
            size += len(words[-1]) + 1
        return " ".join(words)

    def chat(self, text: str, **more: Any) -> bytes:
        """The body of a chat request."""
        told = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **more}
        return json.dumps(told).encode()

    def fields(
        self, call: Call, *, double: str = "", kind: str = "application/json", key: str = ""
    ) -> list[tuple[str, str]]:
        """Headers beside the host's, names in lower case."""
        made = [("user-agent", call.id), ("authorization", f"Bearer {key or self.chance.choice(self.keys)}")]
        return [*made, ("content-type", kind), *([("x-double", double)] if double else [])]

    def head(self, call: Call, target: str, length: int, **more: str) -> bytes:
        """The head of an HTTP/1.1 POST."""
        lines = [f"POST {target} HTTP/1.1", f"Host: {API}", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in self.fields(call, **more)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def pause(self, least_s: float, most_s: float) -> None:
        """Wait for some time in between."""
        await asyncio.sleep(self.chance.uniform(least_s, most_s))


def _context(ca: str, protocol: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(Path(ca)))
    made.set_alpn_protocols([protocol])
    return made
