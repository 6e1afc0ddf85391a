"""What all doubles share: ids, echoes, token counts."""

from __future__ import annotations

import json

import pytest

from weir.demo.shapes import (
    Ask,
    bearer,
    dumps,
    echo,
    event,
    ident,
    json_value,
    pieces,
    text_of,
    tokens,
    tool_arguments,
    tool_called,
    vector,
)


def ask(body: bytes = b"{}", **options: str) -> Ask:
    return Ask("POST", "/v1/x", body=body, options=options)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, "b"], "a\nb"),
        (None, ""),
        ([], ""),
        ([{"text": 3}], ""),
    ],
)
def test_text_of(content: object, text: str) -> None:
    assert text_of(content) == text


def test_echo_says_what_the_user_said() -> None:
    assert echo(ask(), "call Anna") == "You said: call Anna"
    assert echo(ask(), "x" * 5000) == "You said: " + "x" * 2000
    assert echo(ask(say="enough"), "call Anna") == "enough"
    assert len(echo(ask(size="10000"), "hi")) == 10_000


@pytest.mark.parametrize(("size", "expected"), [("2", ["ab", "cd", "e"]), ("0", list("abcde")), ("x", ["abcde"])])
def test_pieces(size: str, expected: list[str]) -> None:
    assert pieces(ask(pieces=size), "abcde") == expected
    assert "".join(pieces(ask(), "ünïcödé und mehr")) == "ünïcödé und mehr"


def test_ids_depend_on_the_request_only() -> None:
    assert ident("x-", ask(b"1")) == ident("x-", ask(b"1"))
    assert ident("x-", ask(b"1")) != ident("x-", ask(b"2"))
    assert ident("x-", ask(b"1")) != ident("x-", ask(b"1"), "salt")


@pytest.mark.parametrize(("text", "count"), [("", 0), ("abc", 1), ("abcd", 1), ("abcde", 2)])
def test_tokens(text: str, count: int) -> None:
    assert tokens(text) == count


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"properties": {"n": {"type": "integer"}, "to": {"type": "string"}}}, "to"),
        ({"properties": {"to": {"type": "STRING"}}}, "to"),
        ({"properties": {"n": {"type": "integer"}}}, "text"),
        ({}, "text"),
        (None, "text"),
    ],
)
def test_tool_arguments_put_the_text_where_a_string_goes(schema: object, name: str) -> None:
    assert json.loads(tool_arguments(Ask("POST", "/"), schema, 'say "hé"')) == {name: 'say "hé"'}


def test_events() -> None:
    assert event({"a": "ü"}) == 'data: {"a":"ü"}\n\n'.encode()
    assert event({}, "ping") == b"event: ping\ndata: {}\n\n"
    assert dumps([1, 2]) == b"[1,2]"


@pytest.mark.parametrize(
    ("header", "key"), [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("", ""), ("Bearer", "")]
)
def test_bearer(header: str, key: str) -> None:
    assert bearer(Ask("GET", "/", headers={"authorization": header})) == key


def test_vector_depends_on_the_text() -> None:
    assert vector("a") == vector("a") != vector("b")
    assert len(vector("a")) == 8


def test_an_ask_is_an_object_or_an_error() -> None:
    assert ask(b'{"a":1}').json() == {"a": 1}
    for body in (b"[]", b"{", b"\xff"):
        with pytest.raises(ValueError):
            ask(body).json()
    assert "secret words" not in repr(ask(b"secret words"))


def test_which_tool_is_called_can_be_told() -> None:
    names = ["first", "second"]
    assert tool_called(Ask("POST", "/"), names) == 0 and tool_called(Ask("POST", "/"), []) is None
    assert tool_called(Ask("POST", "/", options={"tool": "second"}), names) == 1
    assert tool_called(Ask("POST", "/", options={"tool": ""}), names) is None
    assert tool_called(Ask("POST", "/", options={"tool": "other"}), names) is None
    assert tool_arguments(Ask("POST", "/", options={"arguments": "{}"}), {}, "x") == "{}"


def test_a_value_for_a_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "why": {"type": "string"},
            "how": {"type": "STRING", "enum": ["fast", "slow"]},
            "score": {"type": "integer", "minimum": 3},
            "sure": {"type": "boolean"},
            "list": {"type": "array", "items": {"type": "number"}},
        },
    }
    assert json_value(schema, "t") == {"why": "t", "how": "fast", "score": 3, "sure": False, "list": [1]}
    assert json_value(None, "t") == "t"
