from __future__ import annotations

import pytest

from weir.model import Unparsed
from weir.providers.wire.values import (
    Json,
    compact,
    get_count,
    get_list,
    get_object,
    get_text,
    pointer_tokens,
    skeleton,
    token,
)


def test_one_line() -> None:
    assert compact({"a": ["é\n", None]}) == b'{"a":["\\u00e9\\n",null]}'


def test_pointers() -> None:
    assert token("a/b~c") == "a~1b~0c"
    assert pointer_tokens("") == []
    assert pointer_tokens("/a~1b~0c//0") == ["a/b~c", "", "0"]
    with pytest.raises(Unparsed):
        pointer_tokens("a")


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"k": None}, {"k": 3}])
def test_getters_are_total(value: Json) -> None:
    assert get_object(value, "k") == {}
    assert get_list(value, "k") == []
    assert get_text(value, "k") == ""


@pytest.mark.parametrize(
    ("value", "count"),
    [(5, 5), (5.0, 5), (5.5, 0), (True, 0), (-1, 0), ("5", 0), (None, 0), (1 << 50, 0), (float("inf"), 0)],
)
def test_counts(value: Json, count: int) -> None:
    assert get_count({"k": value}, "absent", "k") == count


def test_skeleton_keeps_the_way_only() -> None:
    value: Json = {"type": "t", "x": 1, "l": [{"a": "0"}, {"index": 1, "id": "i", "f": {"t": "old", "u": "v"}}]}
    assert skeleton(value, "/l/1/f/t", "new", frozenset({"type", "index"})) == {
        "type": "t",
        "l": [{"index": 1, "f": {"t": "new"}}],
    }
