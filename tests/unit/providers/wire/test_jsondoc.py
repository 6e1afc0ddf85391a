from __future__ import annotations

import pytest

from weir.model import Unparsed
from weir.providers.wire.jsondoc import Written, literal, loads, loads_reply, splice, splice_set


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a":1,"a":2}', "duplicate member name"),
        (b'{"a":1,"\\u0061":2}', "duplicate member name"),
        (b'[{"x":{"b":1,"b":1}}]', "duplicate member name"),
        (b"[NaN]", "NaN or Infinity"),
        (b"[-Infinity]", "NaN or Infinity"),
        (b'"\xff"', "not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"{} {}", "not JSON"),
        (b'"a\nb"', "not JSON"),
        (b"1" * 5000, "not JSON"),
        (b"[" * 129 + b"]" * 129, "nested too deeply"),
        (b'{"\\ud800":1}', "lone surrogate in a member name"),
    ],
)
def test_refused(body: bytes, reason: str) -> None:
    with pytest.raises(Unparsed, match=f"^{reason}$"):
        loads(body)


def test_reasons_do_not_quote() -> None:
    with pytest.raises(Unparsed) as caught:
        loads(b'{"a": canary-text}')
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_depth_at_the_limit() -> None:
    assert loads(b"[" * 128 + b"]" * 128) is not None


def test_lone_surrogates_read_as_replacement_characters() -> None:
    assert loads(b'["a\\ud83d", {"b": "\\udE00x"}, "\\ud83d\\ude00"]') == ["a\ufffd", {"b": "\ufffdx"}, "😀"]
    assert loads(b'"\\ud83d"') == "\ufffd"


def test_splice_touches_only_its_literals() -> None:
    body = b' { "a" : "x\\/y\\u00e9" ,\n"n": [ 1.50e+3 , -0, "z", {"t/~":"q"} ] , "k":"v" }\n'
    assert splice(body, {"/n/2": 'new "é"\n', "/n/3/t~1~0": ""}) == (
        ' { "a" : "x\\/y\\u00e9" ,\n"n": [ 1.50e+3 , -0, "new \\"é\\"\\n", {"t/~":""} ] , "k":"v" }\n'.encode()
    )


def test_splice_leaves_a_literal_that_already_says_so() -> None:
    body = b'{"a":"x\\/y\\u00e9\\ud83d","n":4000123412341234}'
    assert splice(body, {"/a": "x/yé\ufffd", "/n": "4000123412341234"}) == body


@pytest.mark.parametrize("number", ["4000123412341234", "4000123412341234.0", "-4.5e+15"])
def test_splice_turns_a_number_into_a_string(number: str) -> None:
    body = f'{{"n": {number}, "m": 1.5}}'.encode()
    assert splice(body, {"/n": "[CARD]"}) == b'{"n": "[CARD]", "m": 1.5}'
    assert splice(body, {"/n": number}) == body


def test_numbers_know_how_they_are_written() -> None:
    value = loads(b"[1.50000E+3, -0.0000000, 7, 1.5]")
    assert isinstance(value, list)
    assert value == [1500.0, -0.0, 7, 1.5]
    assert [n.written for n in value if isinstance(n, Written)] == ["1.50000E+3", "-0.0000000"]


def test_replies_are_read_less_strictly() -> None:
    assert loads_reply(b'{"a":1,"a":2}') == {"a": 2}
    assert loads_reply(b'["a\\ud83d"]') == ["a\ufffd"]
    for body in (b"[NaN]", b"\xff", b"[" * 2000 + b"]" * 2000):
        with pytest.raises(Unparsed):
            loads_reply(body)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"a":"x","a":"y"}', "/a"),  # which of them the client takes nobody knows
        (b'{"b":' + b"1" * 5000 + b',"a":"x"}', "/a"),
        (b'{"b":' + b"[" * 100_000 + b"]" * 100_000 + b',"a":"x"}', "/a"),
    ],
)
def test_splice_of_a_reply_is_total(body: bytes, pointer: str) -> None:
    with pytest.raises(Unparsed):
        splice(body, {pointer: "z"}, reply=True)


def test_splice_of_a_reply() -> None:
    body = b'{"b":1,"b":[1.50],"a":"x","l":"\\ud83d"}'
    assert splice(body, {"/a": "z"}, reply=True) == body.replace(b'"x"', b'"z"')


@pytest.mark.parametrize("pointer", ["/b", "/a/0", "", "a", "/l", "/l/9", "/l/01", "/t", "/nul"])
def test_splice_refuses_what_is_no_text(pointer: str) -> None:
    with pytest.raises(Unparsed):
        splice(b'{"a":"x","l":[1],"t":true,"nul":null}', {pointer: "y"})


def test_splice_at_the_root_and_with_nothing() -> None:
    assert splice(b' "a" ', {"": "b"}) == b' "b" '
    assert splice(b"not json", {}) == b"not json"


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (b"{}", b'{"s":{"u":true}}'),
        (b'{ "a": 1 }', b'{ "a": 1,"s":{"u":true} }'),
        (b'{"s" : null , "a":1}', b'{"s" : {"u":true} , "a":1}'),
        (b'{"a":{"s":1},"s":[1, 2]}', b'{"a":{"s":1},"s":{"u":true}}'),
    ],
)
def test_set_a_member(body: bytes, after: bytes) -> None:
    assert splice_set(body, "s", {"u": True}) == after


def test_set_a_member_of_no_object() -> None:
    with pytest.raises(Unparsed):
        splice_set(b"[]", "s", 1)


def test_literal_can_always_be_encoded() -> None:
    assert literal('a"\ud800é').encode() == '"a\\"\ufffdé"'.encode()
