"""The beginning of a reply is heard once, and nothing of it changes or stays."""

from __future__ import annotations

import pytest

from weir.edge.wire.opening import OPENING_BYTES, Opening
from weir.model import Reply


@pytest.mark.parametrize("size", [1, 7, OPENING_BYTES - 1, OPENING_BYTES, 3 * OPENING_BYTES])
def test_heard_once_however_it_is_cut(size: int) -> None:
    data, heard = bytes(range(256)) * 32, list[bytes]()
    reader = Opening(heard.append)
    out = b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size)) + reader.close()
    assert out == data and heard == [data[:OPENING_BYTES]] and reader._start == b""
    assert reader.reply() == Reply()


def test_a_short_reply_is_heard_at_its_end_and_an_empty_one_never() -> None:
    heard: list[bytes] = []
    reader = Opening(heard.append)
    reader.feed(b"Ollama is running")
    assert heard == []
    reader.close()
    reader.close()
    Opening(heard.append).close()
    assert heard == [b"Ollama is running"]
