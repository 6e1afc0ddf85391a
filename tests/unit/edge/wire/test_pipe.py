"""What is not edited passes as the bytes it came as; what is edited never passes unread."""

from __future__ import annotations

import gzip

import pytest

from weir.edge.wire.pipe import PipeBroken, ReplyPipe
from weir.model import Inspection, Reply


class Upper:
    """A reader that edits: upper case, and a mark at the end."""

    def __init__(self) -> None:
        self.seen = b""

    def feed(self, data: bytes) -> bytes:
        self.seen += data
        return data.upper()

    def close(self) -> bytes:
        return b"!"

    def reply(self) -> Reply:
        return Reply(text=self.seen.decode())


def test_unedited_bytes_stay_encoded() -> None:
    reader, body = Upper(), gzip.compress(b"hello")
    pipe = ReplyPipe(reader, "gzip", editing=False, limit=1000)
    assert b"".join(pipe.feed(body[:9]) + pipe.feed(body[9:]) + pipe.close()) == body
    assert pipe.reply().text == "hello"


def test_edited_bytes_are_the_readers() -> None:
    pipe = ReplyPipe(Upper(), "gzip", editing=True, limit=1000)
    assert b"".join(pipe.feed(gzip.compress(b"hello")) + pipe.close()) == b"HELLO!"
    assert pipe.close() == []


@pytest.mark.parametrize("encoding", ["compress", "gzip"])
def test_unreadable_passes_as_partial_when_not_edited(encoding: str) -> None:
    pipe = ReplyPipe(Upper(), encoding, editing=False, limit=1000)
    assert pipe.feed(b"no such coding") == [b"no such coding"]
    assert pipe.feed(b"more") == [b"more"]
    assert pipe.close() == []
    assert pipe.reply().inspection is Inspection.PARTIAL


def test_unreadable_is_broken_when_edited() -> None:
    with pytest.raises(PipeBroken):
        ReplyPipe(Upper(), "compress", editing=True, limit=1000)
    pipe = ReplyPipe(Upper(), "gzip", editing=True, limit=1000)
    with pytest.raises(PipeBroken):
        pipe.feed(b"not gzip at all")
