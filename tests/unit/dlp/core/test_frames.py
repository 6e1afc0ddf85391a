from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from weir.dlp.core.cache import Scanned, Span
from weir.dlp.core.frames import Ended, pack_answer, pack_question, receive, send, unpack_answer, unpack_question


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_a_frame_arrives_as_it_was_sent(pair: tuple[socket.socket, socket.socket], size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sender = threading.Thread(target=send, args=(pair[0], data))
    sender.start()
    assert receive(pair[1], until=time.monotonic() + 60) == data
    sender.join()


def test_the_end_is_told(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(b"\0" * 7)
    pair[0].close()
    with pytest.raises(Ended):
        receive(pair[1])


def test_what_is_no_frame_is_not_waited_for(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(b"\xff" * 8)
    with pytest.raises(Ended):
        receive(pair[1])


@pytest.mark.parametrize("left_s", [-1.0, 0.02])
def test_neither_side_waits_beyond_its_time(pair: tuple[socket.socket, socket.socket], left_s: float) -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        receive(pair[1], until=begin + left_s)
    with pytest.raises(TimeoutError):
        send(pair[0], b"x" * 30_000_000, until=begin + 2 * left_s)
    assert time.monotonic() - begin < 45


@pytest.mark.parametrize("seconds", [None, 0.0, 1.5])
@pytest.mark.parametrize("seam", [True, False])
def test_questions(seam: bool, seconds: float | None) -> None:
    data = "é\ud800\x00".encode("utf-8", "surrogatepass")
    assert unpack_question(pack_question(data, seam=seam, seconds=seconds)) == (data, seam, seconds)


@pytest.mark.parametrize("final", [True, False])
def test_answers(final: bool) -> None:
    spans = (Span("secret/x", "high", 3, 9, 0.95, "f" * 32), Span("pii/Y", "low", 0, 1, 1.0, "0" * 32))
    for result in (Scanned(), Scanned(spans, "out of time"), Scanned(spans)):
        assert unpack_answer(pack_answer(result, final)) == (result, final)


@pytest.mark.parametrize("frame", [b"", b"[]", b"{", b"null", b'[[["a"]],"",true]'])
def test_what_is_no_answer_raises(frame: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        unpack_answer(frame)
