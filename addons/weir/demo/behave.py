"""How a double can be told to misbehave: behaviours by header, by model name or by a rule set over the control port.

| behaviour | effect |
|---|---|
| ``cut=N`` | break off after N events of a stream, or N bytes of a plain body |
| ``reset`` | kill the TCP connection instead of answering; with ``cut`` break off that way |
| ``silent`` | never answer |
| ``hold=NAME`` | wait at gate NAME before the head |
| ``gate=NAME`` | wait at gate NAME before every event but the first |
| ``delay=MS`` | wait before every event but the first |
| ``split=N`` | write in runs of N bytes, whatever the events are |
| ``encoding=gzip|br|zstd|identity`` | this content coding; else plain replies get what the client accepts |
| ``chunked`` | no content-length on a plain reply |
| ``close`` | ``connection: close`` (HTTP/1.1) |
| ``status=N`` | an error of that status in the provider's shape |
| ``echo`` | the request's own body and type |
| ``body=TEXT``, ``type=TEXT``, ``header=NAME:VALUE`` | replace body, content type; add a header |
| ``say=TEXT``, ``size=N``, ``pieces=N`` | what the reply says, how long, in which pieces |
| ``tool=NAME``, ``tool``, ``arguments=JSON`` | call that tool or none, with these arguments |
| ``no_socket`` | a WebSocket is not granted |
| ``cached=N``, ``cache_write=N``, ``reasoning=N`` | tokens of that kind in its usage |

Values are percent-encoded where they hold a comma.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import brotli
import zstandard

__all__ = ["NAMES", "Encoder", "Gates", "Rule", "encoder", "model_behaviour", "parse"]

NAMES = frozenset(
    {"cut", "reset", "silent", "hold", "gate", "delay", "split", "encoding", "chunked", "close", "status", "echo"}
    | {
        "body",
        "type",
        "header",
        "say",
        "size",
        "pieces",
        "cached",
        "cache_write",
        "reasoning",
        "tool",
        "arguments",
        "no_socket",
    }
)
_GATE_S_MAX = 120.0  # a test that forgets to release must fail, not hang
_CODINGS = ("br", "zstd", "gzip")


def parse(text: str) -> dict[str, str]:
    """``"cut=3, reset"`` as ``{"cut": "3", "reset": ""}``. Raises ValueError for a behaviour that there isn't."""
    options: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in NAMES:
            raise ValueError(f"no behaviour is called {name!r}")
        options[name] = unquote(value)
    return options


def model_behaviour(path: str, body: bytes) -> str:
    """The behaviour in a model name's tail, ``gpt-5-mini#cut=3``: for clients that cannot set a header."""
    if "#" in (name := unquote(path.rpartition("/")[2].partition(":")[0])):
        return name.partition("#")[2]
    if b"#" not in body or len(body) > 1_000_000:
        return ""
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    model = value.get("model") if isinstance(value, dict) else None
    return model.partition("#")[2] if isinstance(model, str) else ""


@dataclass
class Rule:
    """Behaviour for the next ``times`` requests to ``host`` and ``path`` ("" matches any)."""

    options: Mapping[str, str]
    host: str = ""
    path: str = ""
    times: int = 1

    def take(self, host: str, path: str) -> bool:
        """True, and one time fewer, when the rule is for this request."""
        if self.times <= 0 or (self.host and self.host != host) or (self.path and not path.startswith(self.path)):
            return False
        self.times -= 1
        return True


class Gates:
    """Named gates: each release lets one event through, or from then on all of them."""

    def __init__(self) -> None:
        self._tickets: dict[str, int] = {}
        self._open: set[str] = set()
        self._changed = asyncio.Condition()
        self.waiting: dict[str, int] = {}

    async def enter(self, name: str) -> None:
        """Wait for a release. Raises TimeoutError after two minutes."""
        async with self._changed:
            self.waiting[name] = self.waiting.get(name, 0) + 1
            try:
                passes = self._changed.wait_for(lambda: name in self._open or self._tickets.get(name, 0) > 0)
                await asyncio.wait_for(passes, _GATE_S_MAX)
            finally:
                self.waiting[name] -= 1
            if name not in self._open:
                self._tickets[name] -= 1

    async def release(self, name: str, count: int | None = 1) -> None:
        """Let ``count`` events through, None: all from now on."""
        async with self._changed:
            if count is None:
                self._open.add(name)
            else:
                self._tickets[name] = self._tickets.get(name, 0) + count
            self._changed.notify_all()

    async def clear(self) -> None:
        """Let go whoever waits, then forget all gates."""
        async with self._changed:
            self._open.update(self.waiting)
            self._changed.notify_all()
        self._tickets.clear()
        await asyncio.sleep(0)
        self._open.clear()


@dataclass(frozen=True)
class Encoder:
    """A content coding in progress; each ``feed`` returns bytes that decode to all that was fed so far."""

    name: str
    feed: Callable[[bytes], bytes]
    finish: Callable[[], bytes]


def encoder(accepts: str, forced: str, *, stream: bool) -> Encoder | None:
    """The coding to use, None for none: plain replies take what the client accepts, streams only what is forced."""
    offered = {part.partition(";")[0].strip().lower() for part in accepts.split(",")}
    name = forced or ("" if stream else next((coding for coding in _CODINGS if coding in offered), ""))
    if name == "gzip":
        deflate = zlib.compressobj(wbits=31)
        return Encoder(
            name, lambda data: deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH), lambda: deflate.flush()
        )
    if name == "br":
        squash = brotli.Compressor(quality=4)
        return Encoder(name, lambda data: squash.process(data) + squash.flush(), squash.finish)
    if name == "zstd":
        pack = zstandard.ZstdCompressor().compressobj()
        block = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        return Encoder(name, lambda data: pack.compress(data) + pack.flush(block), pack.flush)
    return None
