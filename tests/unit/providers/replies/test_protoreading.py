from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.dlp.replies.listen import Listener
from weir.model import Inspection
from weir.providers.replies.protoreading import ProtoReader


def field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | 2, len(data))) + data


def frame(data: bytes, flags: int = 0) -> bytes:
    return bytes((flags,)) + len(data).to_bytes(4, "big") + data


class Stopper(Listener):
    acts = True

    def feed(self, channel: str, text: str) -> str:
        self.stopped = self.stopped or "stop" in text
        return super().feed(channel, text)


STREAM = frame(field(1, b"Be")) + frame(gzip.compress(field(1, b"cause")), 1) + frame(b'{"metadata":{}}', 2)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_texts_of_a_stream_go_on_from_message_to_message(size: int) -> None:
    listener = Listener()
    reader = ProtoReader(listener, framed=True)
    out = b"".join(reader.feed(STREAM[at : at + size]) for at in range(0, len(STREAM), size)) + reader.close()
    reply = reader.reply()
    assert out == STREAM and reply.text.startswith("Because") and reply.complete
    assert reply.inspection is Inspection.UNPARSED
    listener.end()
    assert "Because" in [window.text for window in listener.windows()]


def test_a_reply_that_is_stopped_goes_no_further() -> None:
    reader = ProtoReader(Stopper(), framed=True)
    assert reader.feed(frame(field(1, b"fine"))) != b""
    assert reader.feed(frame(field(1, b"stop"))) == b""
    assert reader.feed(frame(field(1, b"more"))) == b"" and reader.close() == b""
    assert reader.ending(b"event", b"document") == b"event"


def test_one_message_is_read_at_its_end() -> None:
    reader = ProtoReader(None, framed=False)
    reader.feed(field(1, b"on"))
    assert (reader.reply().text, reader.work(5, end=False), reader.work(0, end=True)) == ("", 0, 4)
    reader.close()
    assert reader.reply().text == "on" and reader.ending(b"e", b"d") == b""


@given(st.binary(max_size=200), st.booleans(), st.booleans(), st.integers(1, 50))
def test_any_bytes_pass(data: bytes, framed: bool, base64: bool, size: int) -> None:
    reader = ProtoReader(Listener(), framed=framed, base64=base64)
    assert b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size)) + reader.close() == data
    reader.reply()
