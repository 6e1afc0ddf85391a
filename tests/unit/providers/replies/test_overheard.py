"""One walk over a document finds what two walks and a count find."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.providers.replies.overheard import ECHOES, INNER, NO_TEXT, overheard
from weir.providers.replies.sweep import OPAQUE, TOKENS, repeats, rest_of
from weir.providers.replies.texts import texts_in
from weir.providers.wire.pointers import reply_room

_ECHO = re.compile(rf"(?:/response)?/(?:{'|'.join(sorted(ECHOES))})(?:/|\Z)")
_NAMES = [*sorted(NO_TEXT | OPAQUE | TOKENS | ECHOES | INNER), "response", "data", "content", "a/b~c", "id", "x"]
_SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 10**7, -(10**9), 1.5, 1e12, 1e30])
    | st.sampled_from(["", "short", "a longer text", "A" * 80, "b" * 600, '":'])
)
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=25,
)


@settings(max_examples=50, deadline=None)
@given(_DOCUMENTS)
def test_it_is_what_the_walks_in_turn_find(value: Any) -> None:
    found = overheard(value)
    if not isinstance(value, dict | list):
        assert found is None
        return
    assert found is not None
    texts = [
        (text.text, text.name in INNER, _ECHO.match(text.pointer) is not None)
        for text in texts_in(value, "", "", NO_TEXT, reply_room())
    ]
    assert found.texts == texts
    assert found.rest == [(rest.before, rest.text) for rest in rest_of(value, set(), "", reply_room())]
    for data in (json.dumps(value).encode(), json.dumps(value, separators=(",", ":")).encode()):
        assert found.twice(data) == repeats(data, value) is False


def test_a_member_that_stands_twice_is_seen() -> None:
    found = overheard({"a": 1})
    assert found is not None
    assert found.twice(b'{"a":0,"a":1}')
    assert found.twice(b'{"a" :0,"a":1}')
    assert not found.twice(b'{"a":1}')


_DEEP: Any = "end"
for _ in range(60):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    "value",
    ["a text", 7, None, list(range(5000)), _DEEP, {"n" * 30_000: {"a": "b", "c": "d", "e": {"f": "g"}}}],
    ids=["text", "number", "nothing", "many", "deep", "names"],
)
def test_what_is_too_much_is_left_to_others(value: Any) -> None:
    assert overheard(value) is None
