from __future__ import annotations

from weir.providers.replies.texts import Text, texts_in
from weir.providers.wire.pointers import Room
from weir.providers.wire.values import Json


def test_texts_follow_stated_indexes() -> None:
    value: Json = {"a": [{"index": 3, "t": "x"}, {"t": "y", "no": "z"}], "b": "", "c": "w"}
    assert list(texts_in(value, "/p", "c", frozenset({"no"}), Room())) == [
        Text("/p/a/0/t", "t", "c.a.3.t", "x"),
        Text("/p/a/1/t", "t", "c.a.1.t", "y"),
        Text("/p/c", "c", "c.c", "w"),
    ]


def test_a_lone_text_and_what_is_none() -> None:
    assert list(texts_in("x", "/p", "c", frozenset(), Room())) == [Text("/p", "", "c", "x")]
    assert list(texts_in(3, "/p", "c", frozenset(), Room())) == []


def test_names_are_escaped_in_pointers_only() -> None:
    value: Json = {"a/b": {"~": "x"}}
    assert list(texts_in(value, "", "", frozenset(), Room())) == [Text("/a~1b/~0", "~", ".a/b.~", "x")]


def test_room_bounds_what_is_built() -> None:
    room = Room(texts=3)
    assert list(texts_in([[[["deep"]]]], "", "", frozenset(), room)) == [] and room.short
    room = Room(texts=3)
    assert list(texts_in([[1] * 1000, "late"], "", "", frozenset(), room)) == [] and room.short
    room = Room(texts=3)
    assert [t.text for t in texts_in(["a", "b", "c", "d"], "", "", frozenset(), room)] == ["a", "b", "c"]
    assert room.short
    room = Room(chars=10_000)
    value: Json = {"n" * 1000: ["a"] * 100}
    assert len(list(texts_in(value, "", "", frozenset(), room))) < 10
    assert room.short


def test_deep_values_do_not_recurse() -> None:
    value: Json = "end"
    for _ in range(900):
        value = [value]
    assert [t.text for t in texts_in(value, "", "", frozenset(), Room())] == ["end"]
