"""Any bytes become whole lines of UTF-8 that a database can take, each with its number."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.logs.opening import open_log
from weir.logs.text import LINE_MAX, TOO_LONG, Text


def text_of(path: Path, data: bytes) -> Text:
    path.write_bytes(data)
    return Text(open_log(path))


def lines_of(path: Path, data: bytes) -> list[str]:
    return [line for batch in text_of(path, data).batches() for line in batch.data.decode().split("\n")[:-1]]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a\nb", ["a", "b"]),
        (b"a\r\n\r\nb\r\n", ["a ", " ", "b "]),
        (b"a\rb\rc", ["a", "b", "c"]),
        ("Jörg\n".encode("utf-8-sig"), ["Jörg"]),
        ("Jörg\nb\n".encode("utf-16"), ["Jörg", "b"]),
        ("a line of many words\nb\n".encode("utf-16-le"), ["a line of many words", "b"]),
        ("a line of many words\nb\n".encode("utf-16-be"), ["a line of many words", "b"]),
        ("Jörg\n".encode("latin-1") + "Łódź\n".encode(), ["Jörg", "Łódź"]),
        (b"a\0b\x1b[31mc\x01\x02d\te\n", ["ab [31mc  d\te"]),
        (b"\xff\x9b31m\n", ["ÿ 31m"]),
    ],
)
def test_lines(tmp_path: Path, data: bytes, lines: list[str]) -> None:
    assert lines_of(tmp_path / "log", data) == lines


def test_a_line_that_is_too_long_is_one_mark(tmp_path: Path) -> None:
    data = b"a\n" + b"x" * (LINE_MAX + 1) + b"\nb\n" + b"y" * (4 << 20) + b"\n" + b"z" * (3 << 20)
    assert lines_of(tmp_path / "log", data) == ["a", TOO_LONG, "b", TOO_LONG, TOO_LONG]
    assert lines_of(tmp_path / "log", b"x" * LINE_MAX) == ["x" * LINE_MAX]


def test_batches_say_the_number_of_their_first_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.logs.text.BATCH", 1)
    batches = list(text_of(tmp_path / "log", b"0123456\n" * (400_000)).batches())
    assert len(batches) > 2
    number = 1
    for batch in batches:
        assert batch.first == number
        number += batch.data.count(b"\n")
    assert number == 400_001


def test_the_sample_is_whole_lines_of_the_beginning(tmp_path: Path) -> None:
    short = text_of(tmp_path / "log", b"a\n\nb").sample
    assert (short.lines, short.filled) == (("a", "", "b"), ("a", "b"))
    long = text_of(tmp_path / "log", b"x" * 40_000 + b"\n" + b"y" * 40_000 + b"\n").sample
    assert [len(line) for line in long.lines] == [40_000]
    assert len(long.head) == 64 << 10


def test_the_stream_is_the_bytes_as_they_are(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1_000
    stream = text_of(tmp_path / "log", data).stream()
    assert stream.read(100_000) + stream.read() == data
