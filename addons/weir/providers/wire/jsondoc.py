"""Strict JSON reading, and edits that leave every untouched byte of a document as it was.

Strict because a body that two parsers read differently is a way past inspection: duplicate member names, NaN and
Infinity, other encodings than UTF-8 and nesting beyond `depth.levels_max()` are `Unparsed`, never a guess.

Lone surrogates (``"\\ud83d"`` with no partner, as clients send that cut an emoji in two) are tolerated: in the values
handed on each one reads as U+FFFD, so the text can be encoded and offsets into it still fit. An edit that gives such
a string back unchanged leaves its literal alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

import orjson

from weir.model import Unparsed
from weir.providers.wire import depth
from weir.providers.wire.values import Json, JsonObject, pointer_tokens

__all__ = ["REPLACEMENT", "Written", "literal", "loads", "loads_reply", "splice", "splice_set"]

_REPLY_STEPS_MAX: Final = 50_000  # values stepped over in an edit: replies are edited while others wait
REPLACEMENT: Final = "\ufffd"
_CONTAINERS: Final = (dict, list)
_SPACE = re.compile(r"[ \t\r\n]*")
_LONE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class Written(float):
    """A number with a point or an exponent, and how it stands in the document."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, written: str) -> Written:
        """The number that ``written`` says."""
        number = super().__new__(cls, written)
        number.written = written
        return number


def _fraction(written: str) -> float:
    # A shorter one has too few digits for anybody to ask how they stand.
    return Written(written) if len(written) > 8 else float(written)


def _member_pairs(pairs: list[tuple[str, Json]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unparsed("duplicate member name")
    return members


def _not_a_number(_: str) -> Json:
    raise Unparsed("NaN or Infinity")


_STRICT = json.JSONDecoder(object_pairs_hook=_member_pairs, parse_constant=_not_a_number, parse_float=_fraction)
# Steps over values that have been accepted already, and reads replies.
_LAX = json.JSONDecoder(parse_constant=_not_a_number)


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unparsed("not UTF-8") from None


def _parse(text: str, depth_max: int, decoder: json.JSONDecoder = _STRICT) -> Json:
    try:
        value: Json = decoder.decode(text)
    except Unparsed:
        raise
    except RecursionError:
        raise Unparsed("nested too deeply") from None
    except ValueError:
        # The original would quote the document.
        raise Unparsed("not JSON") from None
    if text.count("[") + text.count("{") > depth_max:
        _check_depth(value, depth_max)
    return value


def _check_depth(value: Json, depth_max: int) -> None:
    level: list[Json] = [value]
    for _ in range(depth_max):
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item if type(item) is list else ())
            if type(child) in _CONTAINERS
        ]
        if not level:
            return
    raise Unparsed("nested too deeply")


def _whole(text: str) -> str:
    return _LONE.sub(REPLACEMENT, text)


def _without_lone(value: Json) -> Json:
    """Replace lone surrogates in all strings of ``value``, in place where it is a container."""
    if isinstance(value, str):
        return _whole(value)
    stack: list[Json] = [value]
    while stack:
        item = stack.pop()
        pairs: Iterable[tuple[str | int, Json]]
        if isinstance(item, dict):
            if any(_LONE.search(name) for name in item):
                raise Unparsed("lone surrogate in a member name")
            pairs = list(item.items())
        elif isinstance(item, list):
            pairs = list(enumerate(item))
        else:
            continue
        for key, child in pairs:
            if isinstance(child, str):
                item[key] = _whole(child)  # type: ignore[index]
            else:
                stack.append(child)
    return value


def loads(body: bytes) -> Json:
    """The value of a JSON document in UTF-8. Raises Unparsed, and nothing else, whatever the bytes."""
    value = _parse(_decode(body), depth.levels_max())
    return _without_lone(value) if _SURROGATE_ESCAPE.search(body) else value


def loads_reply(body: bytes) -> Json:
    """As `loads`, several times faster and without its strictness about duplicate names: the last one holds.

    In a request it is a way to show us one prompt and the provider another; a reply the client reads as we do.
    """
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        # Which has no patience with lone surrogates.
        return _without_lone(_parse(_decode(body), depth.levels_max(), _LAX))
    return value


def literal(text: str) -> str:
    """``text`` as a JSON string literal that any encoder can write (a lone surrogate becomes U+FFFD)."""
    return json.dumps(_whole(text), ensure_ascii=False)


class _Trie:
    """The wanted pointers as a tree: what to descend into and what to set."""

    __slots__ = ("below", "text")

    def __init__(self) -> None:
        self.below: dict[str, _Trie] = {}
        self.text: str | None = None


def _trie(texts: Mapping[str, str]) -> _Trie:
    root = _Trie()
    for pointer, text in texts.items():
        node = root
        for part in pointer_tokens(pointer):
            node = node.below.setdefault(part, _Trie())
        node.text = text
    return root


def _step(text: str, at: int) -> tuple[Json, int]:
    try:
        value, end = _LAX.raw_decode(text, at)
    except (RecursionError, ValueError):
        # Accepted by another reader: deeper, or with longer numbers, than this one takes.
        raise Unparsed("not JSON") from None
    return value, end


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


class _Open:
    """A container on the way to a target: its trie node, its kind, and the index of its next element."""

    __slots__ = ("index", "is_object", "node")

    def __init__(self, node: _Trie, is_object: bool) -> None:
        self.node = node
        self.is_object = is_object
        self.index = 0


def _edits(text: str, root: _Trie, steps_max: int) -> list[tuple[int, int, str]]:
    """Spans of the wanted scalars with their new literals, in document order. ``text`` is known to be JSON."""
    edits: list[tuple[int, int, str]] = []
    stack: list[_Open] = []
    at, node = _space(text, 0), root
    for _ in range(steps_max):
        # At a value. Go inside when something below it is wanted, otherwise step over it at C speed.
        if node.below and text[at] in "{[":
            stack.append(_Open(node, text[at] == "{"))
            at = _space(text, at + 1)
        else:
            value, end = _step(text, at)
            if node.text is not None:
                edits.extend(_edit(value, text[at:end], at, end, node.text))
            at = _space(text, end)
        # After a value or at a container's start: close what ends here, then find the next value.
        while stack and text[at] in "}]":
            stack.pop()
            at = _space(text, at + 1)
        if not stack:
            return edits
        if text[at] == ",":
            at = _space(text, at + 1)
        top = stack[-1]
        if top.is_object:
            name, end = _step(text, at)
            key = str(name)
            at = _space(text, _space(text, end) + 1)
        else:
            key = str(top.index)
            top.index += 1
        node = top.node.below.get(key, _NOTHING)
    raise Unparsed("too many values")


_NOTHING = _Trie()


def _edit(value: Json, written: str, start: int, end: int, new: str) -> list[tuple[int, int, str]]:
    if isinstance(value, str):
        return [(start, end, literal(new) if _whole(value) != new else "")]
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A number can hold a card number too; its replacement has to be a string.
        return [(start, end, literal(new) if written != new else "")]
    return []


def splice(body: bytes, texts: Mapping[str, str], *, reply: bool = False) -> bytes:
    """``body`` with the strings (or numbers) at the JSON pointers in ``texts`` set; every other byte stays.

    A literal whose value already is the new text stays as it is written. Raises Unparsed when the body is not
    strict JSON or a pointer does not lead to a string or a number. ``reply``: the body has been read by `loads_reply`
    and need not be stricter than that; a pointer to a member that stands twice is Unparsed all the same.
    """
    if not texts:
        return body
    text = _decode(body)
    if not reply:
        _parse(text, depth.levels_max())
    edits = _edits(text, _trie(texts), _REPLY_STEPS_MAX if reply else len(text))
    if len(edits) != len(texts):
        raise Unparsed("no editable text at a pointer")
    return _apply(text, [edit for edit in edits if edit[2]])


def _apply(text: str, edits: list[tuple[int, int, str]]) -> bytes:
    parts: list[str] = []
    done = 0
    for start, end, new in edits:
        parts += (text[done:start], new)
        done = end
    parts.append(text[done:])
    return "".join(parts).encode("utf-8")


def splice_set(body: bytes, name: str, value: Json) -> bytes:
    """``body``, a JSON object, with its top-level member ``name`` set to ``value``: replaced in place, or added last.

    Every other byte stays. Raises Unparsed when the body is not a strict JSON object.
    """
    text = _decode(body)
    document = _parse(text, depth.levels_max())
    if not isinstance(document, dict):
        raise Unparsed("not a JSON object")
    written = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    at = _space(text, _space(text, 0) + 1)
    after = at
    while text[at] != "}":
        key, end = _step(text, at)
        start = _space(text, _space(text, end) + 1)
        _, end = _step(text, start)
        if key == name:
            return _apply(text, [(start, end, written)])
        after, at = end, _space(text, end)
        if text[at] == ",":
            at = _space(text, at + 1)
    comma = "," if document else ""
    return _apply(text, [(after, after, f"{comma}{json.dumps(name)}:{written}")])
