"""What a client said waits for its record without what later messages make a credential of."""

from __future__ import annotations

import pytest

from weir.audit.content.parts import Content, Text
from weir.edge.websockets.said import OPEN_END, Said, without_open_end
from weir.model import Finding, Segment

KEY = "AKIA" + "Z7Q2M4X9" * 2


def texts(said: Said, *, last: bool = False) -> list[str]:
    return [one.text for one in said.take(last=last)]


def test_it_is_given_once_and_bounded() -> None:
    said = Said()
    said.add([Text("user", "one"), Text("user", "two")])
    assert texts(said) == ["one", "two"] and said.take() == ()
    said.add([Text("user", "x" * (1 << 19)), Text("user", "y" * (1 << 19)), Text("user", "z")])
    assert [text[0] for text in texts(said, last=True)] == ["y", "z"]
    said.add([Text("user", "")] * 5000)
    assert len(said.take()) == 4096 and "user" not in repr(said)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"the key is {KEY[:9]}", KEY[:9]),
        (f"the key is `{KEY[:9]}", KEY[:9]),
        ("password_is", "password_is"),
        ("abcdefghijklmnopqrst", "abcdefghijklmnopqrst"),
        ("Who lives in Liechtenstein?", ""),
        ("see https://intranet.example/page", ""),
        ("in 2024?", ""),
        (f"{KEY} it is", ""),
        ("", ""),
        ("x" * 900 + " " + KEY[:9], KEY[:9]),
    ],
)
def test_which_ends_are_open(text: str, word: str) -> None:
    (kept,) = without_open_end(Content((Text("user", text),))).segments
    assert kept.text == (text[: text.rindex(word)] + OPEN_END if word else text)


def test_what_may_go_on_waits_for_the_next_message() -> None:
    said = Said()
    said.add([Text("user", "first"), Text("user", f"it is {KEY[:9]}"), Text("user", "i1", "/item/id")])
    assert texts(said) == ["first"]
    said.add([Text("user", KEY[9:15])])  # a piece in the middle, and nothing else
    assert said.take() == ()
    before = (Segment("", "user", f"it is {KEY[:9]}"), Segment("", "user", KEY[9:15]))
    parts = [(0, 6, 15), (1, 0, 6), (2, 0, 5)]
    said.strike(before, [Finding("secret/aws", "secret", at, a, b, 1.0, "high", "f") for at, a, b in parts])
    said.add([Text("user", "[secret/aws] was it")])
    assert texts(said) == ["it is [secret/aws]", "i1", "[secret/aws]", "[secret/aws] was it"]


def test_at_the_end_nothing_waits() -> None:
    said = Said()
    said.add([Text("user", f"order {KEY[:9]}")])
    assert texts(said, last=True) == [f"order {KEY[:9]}"]


def test_what_is_stored_at_once_has_no_open_end() -> None:
    told = Content((Text("user", f"a {KEY[:9]}"), Text("user", KEY[9:17]), Text("user", "item_4711abc", "/item_id")))
    assert [one.text for one in without_open_end(told).segments] == [f"a {OPEN_END}", OPEN_END, "item_4711abc"]
    assert without_open_end(Content((Text("user", "hello"),))) == Content((Text("user", "hello"),))
