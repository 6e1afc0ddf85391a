"""How beginnings of bodies are read."""

import re

from weir.shadow.signs import KINDS, after_key, first, load_json


def test_long_documents_are_not_parsed() -> None:
    assert load_json(b"[" + b" " * 20_000 + b"]") is None
    assert load_json(b"[1]") == [1]
    assert load_json(b'{"a":') is None


def test_the_first_object_of_a_list() -> None:
    assert first([{"a": 1}, 2]) == {"a": 1}
    assert [first(value) for value in ([], [1], {"a": 1}, None, "x")] == [None] * 5


def test_after_key_looks_at_both_ends_and_not_behind_a_backslash() -> None:
    seven = re.compile(rb":(7)")
    assert after_key(b'"k":1' * 50 + b'"k":7', b'"k"', seven)
    assert after_key(b'"k":7' + b'"k":1' * 50, b'"k"', seven)
    assert not after_key(b'\\"k":7', b'"k"', seven)
    assert not after_key(b"", b'"k"', seven)


def test_kinds_end_with_the_widest() -> None:
    assert KINDS[-2:] == ("chat", "ai")
    assert len(set(KINDS)) == len(KINDS)
