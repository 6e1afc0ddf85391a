"""What no dialect takes for a text and a client gets all the same: other members, their names, long numbers.

A dialect knows where its model's words stand. Where a reply is acted on, that is not enough: a citation, a member that
came with last week's version, the name of a tool or the tokens beside a text may say what was taken out of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple, cast

from weir.model import Unparsed
from weir.providers.wire.jsondoc import loads
from weir.providers.wire.pointers import Node, Room
from weir.providers.wire.values import Json, token

__all__ = [
    "NUMBER_MIN",
    "OPAQUE",
    "SHORT_CHARS",
    "TOKENS",
    "Rest",
    "doubts",
    "is_opaque",
    "repeats",
    "rest_of",
    "rewritten",
    "told",
]

# Encoded media, the provider's seals, and vectors: nothing is found in them, and looking takes long.
OPAQUE: Final = frozenset(
    {"encrypted_content", "signature", "thoughtSignature", "b64_json", "partial_image_b64", "embedding", "obfuscation"}
    | {"p", "redactedContent", "embeddings", "bytesBase64Encoded", "audio_base64"}
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_=\s-]*")
_PADDING: Final = frozenset({"obfuscation", "p"})  # so that nobody learns from an event's length
_SEAL_CHARS_MIN: Final = 64  # what is shorter seals nothing, and may be a key
_NUMBERS: Final = frozenset({int, float})
TOKENS: Final = frozenset({"logprobs", "logprobsResult", "top_logprobs"})  # a text once more, token by token
SHORT_CHARS: Final = 6  # nothing can be found in less
_MEDIA_CHARS: Final = 512  # and no longer run without a blank is anything but encoded media
NUMBER_MIN: Final = 10**7
_SCALARS_A_UNIT: Final = 40


class Rest(NamedTuple):
    """One text more: where it stands, what has to be read before it to make sense of it, and what it says."""

    pointer: str  # "" for a member's name
    before: str
    text: str


def rest_of(value: Json, taken: Collection[str], whole: str | None, room: Room) -> Iterator[Rest]:
    """Names, long numbers, and strings not at the pointers ``taken``; while there is ``room``.

    ``whole``: the pointer below which every string has been taken; None when there is none.
    """
    if not isinstance(value, dict | list):
        return
    stack = [(Node(None, ""), "", iter(value.items() if isinstance(value, dict) else enumerate(value)), whole == "")]
    while stack:
        node, name, children, known = stack[-1]
        for step, child in children:
            if isinstance(step, str):
                if step in TOKENS or (step in OPAQUE and is_opaque(step, child)):
                    continue
                if len(step) >= SHORT_CHARS and room.take(0, 1):
                    yield Rest("", "", step)
                name = step
            if isinstance(child, dict | list):
                if not child:
                    continue
                if not room.take(0, 1 + len(child) // _SCALARS_A_UNIT):
                    return
                below = Node(node, f"/{token(step) if isinstance(step, str) else step}")
                inside = known or (whole is not None and below.whole(room) == whole)
                inside = inside and step not in OPAQUE  # nobody took these for texts
                stack.append(
                    (below, name, iter(child.items() if isinstance(child, dict) else enumerate(child)), inside)
                )
                break
            kind = type(child)
            if kind is str and (len(cast("str", child)) < SHORT_CHARS or (known and step not in OPAQUE)):
                continue  # as most: the rest says nothing either, but is looked at closely
            if child is None or kind is bool or (kind is int and -NUMBER_MIN < cast("int", child) < NUMBER_MIN):
                continue
            before, text = told(name, child, known and step not in OPAQUE)
            if not text:
                continue
            path = node.whole(room)
            if path is None or not room.take(len(path) + len(str(step)), 1):
                return
            pointer = f"{path}/{token(step) if isinstance(step, str) else step}"
            if pointer not in taken:
                yield Rest(pointer, before, text)
        else:
            stack.pop()


def is_opaque(name: str, value: Json) -> bool:
    """Whether ``value`` is what a member ``name`` of `OPAQUE` says it is: a seal, encoded media, or a vector."""
    if isinstance(value, str):
        if name in _PADDING:
            return len(value) <= _SEAL_CHARS_MIN and value.isascii() and value.isalnum()
        return len(value) >= _SEAL_CHARS_MIN and " " not in value and _BASE64.fullmatch(value) is not None
    if isinstance(value, list):
        return {type(one) for one in value} <= _NUMBERS
    return value is None


def told(name: str, value: Json, known: bool) -> tuple[str, str]:
    """What a scalar says, and what it means by the member it stands in; nothing when there is nothing to look at."""
    if isinstance(value, str):
        blob = len(value) > _MEDIA_CHARS and " " not in value and "\n" not in value and name in ("data", "delta")
        return "", "" if known or len(value) < SHORT_CHARS or blob else value
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) < NUMBER_MIN:
        return "", ""
    return f"{name[:64]}: ", str(value) if isinstance(value, int) else f"{value:.0f}" if abs(value) < 1e25 else ""


class _TwiceError(ValueError):
    """A member stands twice."""


def _once(pairs: list[tuple[str, Json]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _TwiceError


_NAMES: Final = json.JSONDecoder(object_pairs_hook=_once)


def repeats(data: bytes, value: Json = None) -> bool:
    """Whether a member stands twice in an object of ``data``, JSON that was read: one of its values was not seen.

    ``value`` is what it was read as, if that is at hand: for most the answer is then found without a second reading.
    """
    if value is not None and _is_single(data, value):
        return False
    try:
        _NAMES.decode(data.decode("utf-8", "replace"))
    except _TwiceError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _is_single(data: bytes, value: Json) -> bool:
    """Whether counting alone shows that no member stands twice; False when it does not.

    With no blank before any colon each member's name ends in ``":``, which strings may hold as well. So there are as
    many of these as members were read only if these are all.
    """
    if any(blank in data for blank in (b" :", b"\t:", b"\n:", b"\r:")):
        return False
    members, stack = 0, [value]
    while stack:
        one = stack.pop()
        if type(one) is dict:
            members += len(one)
            stack += [child for child in one.values() if type(child) is dict or type(child) is list]
        elif type(one) is list:
            stack += [child for child in one if type(child) is dict or type(child) is list]
    return data.count(b'":') == members


def doubts(data: bytes) -> str:
    """Why a document that was read may be read differently by somebody else; "" when nobody can.

    A member that stands twice is one: its last value holds, and its first goes along.
    """
    try:
        loads(data)
    except Unparsed as error:
        return str(error)
    return ""


def rewritten(value: Json, names: dict[str, str]) -> Json:
    """``value`` with other names for some members, and without the tokens of its texts. It is not deep: no `doubts`."""
    if isinstance(value, list):
        return [rewritten(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        names.get(name, name): ([] if isinstance(one, list) else None) if name in TOKENS else rewritten(one, names)
        for name, one in value.items()
    }
