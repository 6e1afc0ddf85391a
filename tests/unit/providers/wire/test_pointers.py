from __future__ import annotations

from weir.providers.wire.pointers import Node, Room


def test_a_pointer_is_what_stands_on_the_way() -> None:
    room = Room()
    top = Node(None, "/a")
    below = Node(Node(top, "/0"), "/b~1c")
    assert below.whole(room) == "/a/0/b~1c"
    assert top.whole(room) == "/a"


def test_it_is_paid_for_once() -> None:
    room = Room(chars=20)
    node = Node(Node(None, ""), "/" + "n" * 14)
    assert node.whole(room) == node.whole(room) == "/" + "n" * 14
    assert not room.take(6) and room.short
    assert Node(node, "/more").whole(room) is None


def test_nothing_is_taken_when_there_is_not_enough() -> None:
    room = Room(texts=1, chars=10)
    assert not room.take(11, 1) and not room.take(1, 2)
    assert room.take(10, 1)
    assert not room.take(0, 1)
