"""One reply chunk on its way, and what is to become of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mitmproxy import http
from mitmproxy.proxy.commands import StartHook

__all__ = ["ChunkData", "ResponseChunkHook"]


@dataclass(slots=True)
class ChunkData:
    """One reply chunk as it came from upstream, and what is to become of it."""

    flow: http.HTTPFlow
    chunk: bytes
    end: bool = False  # the reply has ended; chunk is empty
    out: list[bytes] = field(default_factory=list)  # what goes to the client instead; never holds b""
    abort: str = ""  # cut client and upstream now; the reason for the audit
    finish: bool = False  # send `out`, end the reply cleanly, cut upstream


@dataclass
class ResponseChunkHook(StartHook):
    """A chunk of a reply that weir reads has arrived; only its own stream waits."""

    name = "response_chunk"
    data: ChunkData
