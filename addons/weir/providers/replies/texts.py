"""The texts of a reply, wherever they stand, each with its pointer and the channel it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from weir.providers.wire.pointers import Node, Room
from weir.providers.wire.values import Json, token

__all__ = ["Text", "texts_in"]

_SCALARS_A_UNIT: Final = 40  # looking at a value that is no text costs this much less than one that is


class Text(NamedTuple):
    """A string inside a reply: its pointer, the member it stands in, and the path of the channel it belongs to."""

    pointer: str
    name: str
    channel: str
    text: str


class _Open:
    """A container whose children are being read: its pointer and its channel, neither written out yet."""

    __slots__ = ("channel", "children", "name", "pointer")

    def __init__(self, value: dict[str, Json] | list[Json], name: str, pointer: Node, channel: Node) -> None:
        self.children: Iterator[tuple[str | int, Json]]
        self.children = iter(value.items()) if isinstance(value, dict) else enumerate(value)
        self.name = name
        self.pointer = pointer
        self.channel = channel


def texts_in(value: Json, pointer: str, channel: str, skip: frozenset[str], room: Room) -> Iterator[Text]:
    """All strings below ``value`` in document order, except in members named in ``skip``, while there is ``room``.

    ``channel`` grows like the pointer, but an array element that states its own ``index`` counts under that one:
    a stream numbers its parallel tool calls by it, whatever their place in the chunk.
    """
    if isinstance(value, str):
        if value and room.take(0, 1):
            yield Text(pointer, "", channel, value)
        return
    if not value or not isinstance(value, dict | list):
        return
    stack = [_Open(value, "", Node(None, pointer), Node(None, channel))]
    while stack:
        top = stack[-1]
        for step, child in top.children:
            # The kinds that JSON is read as, exactly: this loop is most of the work.
            kind = type(child)
            if not child or (kind is not str and kind is not dict and kind is not list):
                continue
            if isinstance(step, str):
                if step in skip:
                    continue
                name, piece, way = step, token(step), step
            else:
                name, piece, way = top.name, str(step), str(_index(child, step))
            if isinstance(child, str):
                before, along = top.pointer.whole(room), top.channel.whole(room)
                if before is None or along is None or not room.take(len(before) + len(along) + 2 * len(way), 1):
                    return
                yield Text(f"{before}/{piece}", name, f"{along}.{way}", child)
            elif isinstance(child, dict | list):
                if not room.take(0, 1 + len(child) // _SCALARS_A_UNIT):
                    return
                stack.append(_Open(child, name, Node(top.pointer, f"/{piece}"), Node(top.channel, f".{way}")))
                break
        else:
            stack.pop()


def _index(element: Json, place: int) -> int:
    stated = element.get("index") if isinstance(element, dict) else None
    return stated if isinstance(stated, int) and not isinstance(stated, bool) else place
