"""The line between a worker and its parent, and what the worker is given."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

import pytest

from weir.edge.process.fleet.listening import bind
from weir.edge.process.fleet.seat import LINE_MAX, Lines, Seat, describe


def test_lines_come_in_any_pieces() -> None:
    lines = Lines()
    assert lines.feed(b'{"a": 1}\n{"b"') == [{"a": 1}]
    assert lines.feed(b": 2}\n") == [{"b": 2}]
    for wrong in (b"[1]\n", b"{\n", b"x" * (LINE_MAX + 1)):
        with pytest.raises(ValueError):
            Lines().feed(wrong)


def test_a_seat_is_taken_as_it_was_described() -> None:
    bound = bind([("127.0.0.1", 0)], 2)
    ours, theirs = socket.socketpair()
    try:
        copies = [one.socket.dup() for one in bound]  # a worker inherits descriptors of its own
        given = [type(one)(one.place, one.slot, copy) for one, copy in zip(bound, copies, strict=True)]
        text = describe(2, 2, theirs.fileno(), -1, given)
        seat = Seat.take(text)
        theirs.detach()
        for copy in copies:
            copy.detach()
        assert (seat.number, seat.count, seat.file) == (2, 2, "worker-2.json")
        (slots,) = seat.sockets.values()
        assert list(slots) == [1, 2]
        for (one,) in slots.values():
            assert one.getsockname() == bound[0].socket.getsockname() and not os.get_inheritable(one.fileno())
            one.close()
        seat.tell({"ready": {"pid": 1}})
        assert ours.recv(100) == b'{"ready": {"pid": 1}}\n'
        heard: list[dict[str, Any]] = []
        assert seat.heard(heard.append) and heard == []
        ours.sendall(b'{"serve": [1, 2]}\n')
        assert seat.heard(heard.append) and heard == [{"serve": [1, 2]}]
        ours.close()
        assert not seat.heard(heard.append), "the parent is gone"
        seat.tell({"anything": 1})  # and is told nothing
        seat.control.close()
    finally:
        for one in bound:
            one.socket.close()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"number": 1}', '{"sockets": [[1]]}'])
def test_what_is_no_seat_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Seat.take(text)


def test_a_parent_that_does_not_read_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        seat = Seat(1, 2, theirs, {})
        for _ in range(40):
            seat.tell({"long": "x" * 20_000})
        assert len(seat._unsent) <= LINE_MAX + 21_000


def test_what_the_parent_would_not_take_is_not_said() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        seat, lines = Seat(1, 2, theirs, {}), Lines()
        seat.tell({"long": "x" * (LINE_MAX + 1)})
        seat.tell({"short": 1})
        assert lines.feed(ours.recv(65536)) == [{"short": 1}]


def test_a_parent_that_reads_again_is_told_again() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        ours.setblocking(False)
        seat, lines = Seat(1, 2, theirs, {}), Lines()
        while len(seat._unsent) <= LINE_MAX:
            seat.tell({"long": "x" * 20_000})
        found: list[dict[str, Any]] = []
        for number in range(2_000):
            with contextlib.suppress(BlockingIOError):
                found += lines.feed(ours.recv(65536))
            seat.tell({"number": number})
        assert found[-1].get("number", 0) > 1_900
