from __future__ import annotations

import pytest

from weir.audit.content.parts import (
    CALL,
    REPLY,
    REQUEST,
    BadParts,
    CalledTool,
    Content,
    Part,
    Text,
    bounded,
    content_of,
    parts_of,
    struck,
)

ODD = ["", "plain", "\0\n\r\x7f", "\ud800", "\ud800\udc00", "\U0001f600", "é" * 500, "\ufeff"]


@pytest.mark.parametrize("text", ODD)
def test_every_text_comes_back_as_it_was(text: str) -> None:
    content = Content((Text(text, text, text, 3),), text, (CalledTool(text, text, text),), 9)
    back = content_of(parts_of(content))
    assert back.segments == content.segments
    assert back.calls == content.calls
    assert back.reply == text
    assert back.cut == 9


def test_what_is_not_there_makes_no_part() -> None:
    assert parts_of(Content()) == []
    assert [part.kind for part in parts_of(Content(reply="a"))] == [REPLY]
    calls = (CalledTool("a", "1"), CalledTool("b", "2"))
    assert [(p.kind, p.ord) for p in parts_of(Content((Text("user", "x"),), "", calls))] == [
        (REQUEST, 0),
        (CALL, 0),
        (CALL, 1),
    ]


def test_calls_keep_their_order() -> None:
    calls = tuple(CalledTool(f"t{n}", "{}") for n in range(12))
    assert content_of(reversed(parts_of(Content(calls=calls)))).calls == calls


@pytest.mark.parametrize(
    "part",
    [
        Part(REQUEST, 0, b""),
        Part(REQUEST, 0, b"\0\0\0\x01x"),
        Part(REQUEST, 0, b"\0\0\0\x010\0\0\0\x01a"),
        Part(REPLY, 0, b"\0\0\0\x09abc"),
        Part(REPLY, 0, b"\0\0"),
        Part(REPLY, 0, b"\0\0\0\x01\xff"),
        Part(REPLY, 0, b""),
        Part(CALL, 0, b"\0\0\0\x01a"),
        Part(9, 0, b""),
    ],
)
def test_bytes_that_are_no_part_are_told(part: Part) -> None:
    with pytest.raises(BadParts):
        content_of([part])


def test_of_too_much_the_oldest_goes_first_and_is_counted() -> None:
    content = Content((Text("system", "a" * 50), Text("user", "b" * 50), Text("user", "c" * 50)), "r" * 20)
    made = bounded(content, 100)
    assert [one.text for one in made.segments] == ["b" * 30, "c" * 50]
    assert made.reply == "r" * 20
    assert made.cut == 70
    assert bounded(content, 170) is content


def test_a_cut_never_splits_a_character() -> None:
    made = bounded(Content(reply="é" * 10), 7)
    assert made.reply == "é" * 3
    assert made.cut == 7
    calls = bounded(Content((), "xyz", (CalledTool("t", "\U0001f600" * 3),)), 9)
    assert calls.calls[0].arguments == "\U0001f600" * 2
    assert calls.reply == ""
    assert calls.cut == 4


def test_an_empty_text_stays_in_its_place() -> None:
    made = bounded(Content((Text("user", ""), Text("user", "x" * 9)), ""), 5)
    assert [one.text for one in made.segments] == ["", "x" * 5]


def test_no_text_shows_in_a_representation() -> None:
    content = Content((Text("user", "violet"),), "violet", (CalledTool("t", "violet"),))
    assert "violet" not in repr(content) + repr(parts_of(content))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], "my key is abcdef, ok"),
        ([(10, 16, "secret/x")], "my key is [secret/x], ok"),
        ([(10, 13, "a"), (13, 16, "b")], "my key is [a][b], ok"),
        ([(12, 16, "b"), (10, 14, "a")], "my key is [a], ok"),
        ([(10, 16, "a"), (11, 12, "b")], "my key is [a], ok"),
        ([(0, 99, "all")], "[all]"),
    ],
)
def test_what_must_not_be_kept_is_struck_out(spans: list[tuple[int, int, str]], expected: str) -> None:
    assert struck("my key is abcdef, ok", spans) == expected
