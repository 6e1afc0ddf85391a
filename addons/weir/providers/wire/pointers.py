"""Pointers into a document, built only where one is wanted and within a bound.

A member's name stands in the pointer of everything below it. Written out for each string, one long name over many
strings would take the body's size squared; here a container's pointer is built when the first of its texts needs it,
and what has been built in all is counted.
"""

from __future__ import annotations

from typing import Final

__all__ = ["POINTER_CHARS_MAX", "REPLY_TEXTS_MAX", "TEXTS_MAX", "Node", "Room", "reply_room"]

TEXTS_MAX: Final = 20_000
REPLY_TEXTS_MAX: Final = 10_000  # replies are read while others wait
POINTER_CHARS_MAX: Final = 4 << 20


class Room:
    """What one document may still take: texts (in a reply, containers and the like too) and characters of pointers.

    ``short`` once either was not enough.
    """

    __slots__ = ("_chars", "_texts", "short")

    def __init__(self, texts: int = TEXTS_MAX, chars: int = POINTER_CHARS_MAX) -> None:
        self._texts = texts
        self._chars = chars
        self.short = False

    def take(self, chars: int, texts: int = 0) -> bool:
        """Take that much; False, and nothing taken, when there is not so much left."""
        if chars > self._chars or texts > self._texts:
            self.short = True
            return False
        self._chars -= chars
        self._texts -= texts
        return True


def reply_room() -> Room:
    """The room of one document or event of a reply."""
    return Room(REPLY_TEXTS_MAX, POINTER_CHARS_MAX // 4)


class Node:
    """A container on the way down: what stands for it at the end of its pointer. The whole is built when asked for.

    ``piece`` is written out (``/name``, a slash before an escaped token); for a root it is all there is.
    """

    __slots__ = ("_parent", "_piece", "_whole")

    def __init__(self, parent: Node | None, piece: str) -> None:
        self._parent = parent
        self._piece = piece
        self._whole = piece if parent is None else None

    def whole(self, room: Room) -> str | None:
        """The container's pointer; None when ``room`` is out."""
        if self._whole is not None:
            return self._whole
        chain: list[Node] = []
        node = self
        while node._whole is None:
            chain.append(node)
            assert node._parent is not None
            node = node._parent
        built = node._whole
        for node in reversed(chain):
            if not room.take(len(built) + len(node._piece)):
                return None
            built = node._whole = built + node._piece
        return built
