"""Laws of finding and replacing credentials."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.keys.credentials import find, remove, replace
from weir.keys.virtual import PREFIX, looks_virtual, new_key
from weir.model import AuthPlace

PLACES = (
    AuthPlace(header="authorization", scheme="Bearer"),
    AuthPlace(header="x-api-key"),
    AuthPlace(query="key"),
)
KEY = new_key()
names = st.sampled_from(["authorization", "X-Api-Key", "cookie", "accept", "x-other"])
values = st.lists(
    st.sampled_from([KEY, PREFIX, "Bearer ", "bearer", "Basic ", " ", ",", "=", "x", "é", "token", KEY[:20]]),
    max_size=5,
).map("".join)
headers_strategy = st.lists(st.tuples(names, values), max_size=6)
queries = st.lists(
    st.sampled_from(["key=", "key=" + KEY, "alt=sse", "%6Bey=" + KEY, "x=" + KEY, "", "key", "a=%zz", KEY]), max_size=5
).map("&".join)


@given(headers_strategy, queries)
def test_no_virtual_key_is_overlooked(headers: list[tuple[str, str]], query: str) -> None:
    found = find(headers, query, PLACES)
    left, rest = remove(headers, query, [p for p in found if p.virtual])
    assert PREFIX not in "".join(value for _, value in left)
    assert PREFIX not in rest


@given(headers_strategy, queries)
def test_replacing_every_declared_key_leaves_only_the_rest(headers: list[tuple[str, str]], query: str) -> None:
    new_headers, new_query = list(headers), query
    found = find(headers, query, PLACES)
    for presented in found:
        if presented.declared:
            new_headers, new_query = replace(new_headers, new_query, presented, "real")
    again = find(new_headers, new_query, PLACES)
    assert [(p.place, p.index, p.declared) for p in again] == [(p.place, p.index, p.declared) for p in found]
    assert all(p.value == "real" for p in again if p.declared)
    assert [name for name, _ in new_headers] == [name for name, _ in headers]
    untouched = {p.index for p in found if p.declared and p.place.header}
    assert [h for i, h in enumerate(new_headers) if i not in untouched] == [
        h for i, h in enumerate(headers) if i not in untouched
    ]


@given(st.text(max_size=80))
def test_no_text_raises_or_looks_virtual(text: str) -> None:
    assert not looks_virtual(text)
    assert not looks_virtual(PREFIX + text)
    find([("authorization", text), ("cookie", f"Basic {text}"), ("x-api-key", text)], text, PLACES)
