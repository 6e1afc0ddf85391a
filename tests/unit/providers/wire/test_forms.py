from __future__ import annotations

import contextlib
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.model import Unparsed
from weir.providers.wire.forms import fields_of, set_fields

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5), st.integers(0, 4), texts)
def test_a_field_is_set_and_the_others_stay(pairs: list[tuple[str, str]], number: int, new: str) -> None:
    body = urlencode(pairs).encode()
    number %= len(pairs)
    assert [(one.name, one.value) for one in fields_of(body)] == pairs
    made = set_fields(body, {number: new})
    assert parse_qsl(made.decode(), keep_blank_values=True) == [
        *pairs[:number],
        (pairs[number][0], new),
        *pairs[number + 1 :],
    ]
    assert set_fields(body, {number: pairs[number][1]}) == body


@pytest.mark.parametrize("write", [quote_plus, quote, lambda text: quote(text, safe="-_.!~*'()")])
def test_a_value_is_written_as_its_client_writes(write) -> None:
    body = f"a={write('x y!(z)~/*')}&b=1".encode()
    assert fields_of(body)[0].exact
    assert set_fields(body, {0: "x y!(z)~/*"}) == body


def test_what_nobody_writes_so_cannot_be_edited() -> None:
    body = b"a=%61%62&b=c"
    assert [(one.value, one.exact) for one in fields_of(body)] == [("ab", False), ("c", True)]
    with pytest.raises(Unparsed):
        set_fields(body, {0: "x"})
    assert set_fields(body, {1: "d"}) == b"a=%61%62&b=d"


@pytest.mark.parametrize("body", [b"a=%zz", b"a=%ff", "a=ü".encode(), b"a=%", b"&".join([b"a=1"] * 1001)])
def test_what_is_no_form(body: bytes) -> None:
    with pytest.raises(Unparsed):
        fields_of(body)


def test_empty_parts_are_no_fields() -> None:
    assert [one.name for one in fields_of(b"&&a=1&b&")] == ["a", "b"]


@given(st.binary(max_size=80))
def test_any_bytes(body: bytes) -> None:
    with contextlib.suppress(Unparsed):
        fields_of(body)
