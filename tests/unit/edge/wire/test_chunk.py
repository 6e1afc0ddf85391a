"""What a chunk says of itself, and how mitmproxy calls those who want it."""

from __future__ import annotations

from mitmproxy.test import tflow

from weir.edge.wire.chunk import ChunkData, ResponseChunkHook


def test_a_chunk_goes_nowhere_until_somebody_says_so() -> None:
    data = ChunkData(tflow.tflow(), b"bytes")
    assert (data.out, data.abort, data.finish, data.end) == ([], "", False, False)
    assert ChunkData(tflow.tflow(), b"").out is not data.out


def test_the_hook_waits_for_its_listeners() -> None:
    data = ChunkData(tflow.tflow(), b"bytes")
    hook = ResponseChunkHook(data)
    assert (hook.name, hook.args(), hook.blocking) == ("response_chunk", [data], True)
