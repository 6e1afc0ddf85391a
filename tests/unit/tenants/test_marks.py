"""A mark is heard however the reply is cut, and the reply passes as it is."""

from __future__ import annotations

import pytest

from weir.model import Reply
from weir.tenants.marks import LISTENED_MAX, Marks

MARK = "AADSTS500021"


class Inner:
    def __init__(self) -> None:
        self.got = b""

    def feed(self, data: bytes) -> bytes:
        self.got += data
        return data.upper()

    def close(self) -> bytes:
        return b"end"

    def reply(self) -> Reply:
        return Reply(model="m")

    def work(self, size: int, *, end: bool) -> int:
        return size + end

    def ending(self, event: bytes, document: bytes) -> bytes:
        return event + document


@pytest.mark.parametrize("size", [1, 2, 5, 11, 12, 13, 1000])
def test_a_mark_is_heard_once_however_it_is_cut(size: int) -> None:
    heard: list[int] = []
    marks = Marks(("never", MARK), lambda: heard.append(1))
    text = b"x" * 37 + MARK.encode() + b"y" + MARK.encode()
    passed = b"".join(marks.feed(text[at : at + size]) for at in range(0, len(text), size))
    assert passed == text and heard == [1] and marks.close() == b"" and marks.reply() == Reply()


def test_other_replies_are_not_marked() -> None:
    heard: list[int] = []
    marks = Marks((MARK,), lambda: heard.append(1))
    marks.feed(MARK[:-1].encode() + b"2")
    marks.close()
    marks.feed(MARK.encode())
    assert not heard


def test_listening_ends() -> None:
    heard: list[int] = []
    marks = Marks((MARK,), lambda: heard.append(1))
    marks.feed(b"x" * LISTENED_MAX)
    assert marks.feed(MARK.encode()) == MARK.encode() and not heard


def test_the_reader_within_works_as_before() -> None:
    inner = Inner()
    marks = Marks((MARK,), lambda: None, inner)
    assert marks.feed(b"ab") == b"AB" and inner.got == b"ab" and marks.close() == b"end"
    assert marks.reply().model == "m" and marks.work(4, end=True) == 5 and marks.ending(b"a", b"b") == b"ab"


def test_alone_it_has_little_to_do() -> None:
    marks = Marks((MARK,), lambda: None)
    assert marks.work(100, end=False) == 0 and marks.ending(b"a", b"b") == b""
