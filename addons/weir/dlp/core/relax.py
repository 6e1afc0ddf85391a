"""Turns a Python pattern into a weaker one that Hyperscan accepts and that matches wherever the original does.

The prefilter may hit too often (the real pattern then says no) but must never miss. So assertions are dropped,
back-references become the group's own pattern, repeats at either end shrink to their minimum, and one character
outside ASCII is "one to four high bytes", because Hyperscan reads the UTF-8 bytes and not the characters.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

__all__ = ["Unrelaxable", "relax"]

# CPython's own pattern parser. Private, but the only one that reads exactly the syntax rules are written in;
# a pattern it can't read is run on every text instead, so a change in it costs speed and not findings.
_parser: Any = import_module("re._parser")
_c: Any = import_module("re._constants")

_HIGH = r"\x80-\xff"
_ANY = r"[\x00-\xff]"
_REPEATS = (_c.MAX_REPEAT, _c.MIN_REPEAT, _c.POSSESSIVE_REPEAT)
_ASSERTIONS = (_c.AT, _c.ASSERT, _c.ASSERT_NOT)
_MEMBERS = {  # every byte that some reading calls a member
    _c.CATEGORY_DIGIT: "0-9" + _HIGH,
    _c.CATEGORY_WORD: "A-Za-z0-9_" + _HIGH,
    _c.CATEGORY_SPACE: r"\t-\r\x1c-\x20" + _HIGH,
    _c.CATEGORY_NOT_DIGIT: r"\x00-/:-\x7f" + _HIGH,
    _c.CATEGORY_NOT_WORD: r"\x00-/:-@\[-\^`{-\x7f" + _HIGH,
    _c.CATEGORY_NOT_SPACE: r"\x00-\x08\x0e-\x1f!-\x7f" + _HIGH,
}
_SURE_MEMBERS = {  # only bytes that every reading calls a member: what a negated class may exclude
    _c.CATEGORY_DIGIT: "0-9",
    _c.CATEGORY_WORD: "A-Za-z0-9_",
    _c.CATEGORY_SPACE: r"\t-\r\x20",  # `re` counts \x1c-\x1f as space, `regex` does not
    _c.CATEGORY_NOT_DIGIT: r"\x00-/:-\x7f",
    _c.CATEGORY_NOT_WORD: r"\x00-/:-@\[-\^`{-\x7f",
    _c.CATEGORY_NOT_SPACE: r"\x00-\x08\x0e-\x1b!-\x7f",
}
_REPEAT_MAX = 64  # larger upper bounds only make the automaton bigger: drop them

Node = tuple[Any, Any]


class Unrelaxable(ValueError):
    """No weaker form is known. The message names the construct."""


@lru_cache(maxsize=4096)  # a policy that is read again mostly has the patterns it had: half of what that takes
def relax(source: str, flags: int = 0, chars_max: int | None = None) -> tuple[str, bool]:
    """The weaker pattern for ``source`` and whether it ignores case.

    ``flags`` are `re` flags given apart from the pattern. With ``chars_max`` the result matches no more than so many
    characters, and does so in every match of ``source``: of a pattern that could take in more, only a beginning is
    kept, without what it may repeat before it.
    Raises Unrelaxable when a construct has no weaker form.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the rule loader has reported doubtful syntax already
            tree = _parser.parse(source, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise Unrelaxable(f"not readable: {type(error).__name__}") from None
    nodes: list[Node] = list(tree)
    if chars_max is not None:
        nodes = _beginning(tree, _headless(nodes), chars_max)
    ignore_case = bool(tree.state.flags & re.IGNORECASE)
    boundary = len(nodes) > 1 and nodes[0] == (_c.AT, _c.AT_BOUNDARY) and _starts_with_ascii_word(nodes[1:])
    core = _trim([node for node in nodes if node[0] not in _ASSERTIONS], keep_head=boundary)
    emitted = _Emitter().sequence(core)
    if not emitted:
        raise Unrelaxable("matches the empty text")
    return (r"\b" if boundary else "") + emitted, ignore_case


def _escape(code: int) -> str:
    character = chr(code)
    return character if character.isalnum() and code < 128 else f"\\x{code:02x}"


def _trim(nodes: list[Node], *, keep_head: bool) -> list[Node]:
    """Shrink repeats at the ends: where ``AB{1,9}`` matches, ``AB`` matches too."""
    if _refers_back(nodes):
        return nodes
    for index in (-1,) if keep_head else (-1, 0):
        while nodes and nodes[index][0] in _REPEATS:
            low, _high, inner = nodes[index][1]
            if low:
                nodes[index] = (_c.MAX_REPEAT, (low, low, inner))
                break
            nodes.pop(index)
    return nodes


def _headless(nodes: list[Node]) -> list[Node]:
    """Without what may repeat without end before anything else: the rest matches wherever the whole does."""
    if _refers_back(nodes):
        return nodes
    for index, (op, value) in enumerate(nodes):
        if op in _REPEATS and value[1] == _c.MAXREPEAT:
            low, _high, inner = value
            return ([(_c.MAX_REPEAT, (low, low, inner))] if low else []) + nodes[index + 1 :]
        if op not in _ASSERTIONS:
            break
    return nodes


def _beginning(tree: Any, nodes: Iterable[Node], chars_max: int) -> list[Node]:
    """As many of ``nodes`` as certainly fit into ``chars_max`` characters, the last one cut down where it can be."""

    def width(node: Node) -> int:
        return int(_parser.SubPattern(tree.state, [node]).getwidth()[1])

    kept: list[Node] = []
    left = chars_max
    for node in nodes:
        op, value = node
        if width(node) <= left:
            kept.append(node)
            left -= width(node)
            continue
        if op is _c.SUBPATTERN:
            kept.append((op, (*value[:3], _beginning(tree, value[3], left))))
        elif op is _c.BRANCH:
            kept.append((op, (value[0], [_beginning(tree, branch, left) for branch in value[1]])))
        elif op in _REPEATS:
            low, _high, inner = value
            once = sum(width(part) for part in inner)
            sure = min(low, left // once) if once else 0
            kept += [(_c.MAX_REPEAT, (sure, sure, inner))] if sure else []
        break
    return kept


def _refers_back(nodes: Iterable[Node]) -> bool:
    return any(op in (_c.GROUPREF, _c.GROUPREF_EXISTS) or _refers_back(_children(op, value)) for op, value in nodes)


def _children(op: Any, value: Any) -> list[Node]:
    if op is _c.SUBPATTERN:
        return list(value[3])
    if op in _REPEATS:
        return list(value[2])
    if op is _c.BRANCH:
        return [node for branch in value[1] for node in branch]
    if op is _c.ATOMIC_GROUP:
        return list(value)
    return []


def _starts_with_ascii_word(nodes: Sequence[Node]) -> bool:
    """True when a match certainly begins with an ASCII word character, where Hyperscan's ``\\b`` can be trusted."""
    nodes = [node for node in nodes if node[0] not in (_c.ASSERT, _c.ASSERT_NOT)]
    if not nodes:
        return False
    op, value = nodes[0]
    if op is _c.LITERAL:
        return _is_ascii_word(value)
    if op is _c.IN:
        return all(
            (item is _c.LITERAL and _is_ascii_word(arg))
            or (item is _c.RANGE and _is_ascii_word(arg[0]) and _is_ascii_word(arg[1]))
            for item, arg in value
        )
    if op is _c.SUBPATTERN:
        return _starts_with_ascii_word(list(value[3]))
    if op is _c.BRANCH:
        return all(_starts_with_ascii_word(list(branch)) for branch in value[1])
    return op in _REPEATS and value[0] >= 1 and _starts_with_ascii_word(list(value[2]))


def _is_ascii_word(code: int) -> bool:
    return code < 128 and (chr(code).isalnum() or code == ord("_"))


class _Emitter:
    """Writes the weaker pattern and remembers each group, for back-references to it."""

    def __init__(self) -> None:
        self._groups: dict[int, str] = {}

    def sequence(self, nodes: Iterable[Node]) -> str:
        return "".join(self._one(op, value) for op, value in nodes)

    def _one(self, op: Any, value: Any) -> str:
        if op in _ASSERTIONS:
            return ""
        if op in (_c.LITERAL, _c.NOT_LITERAL, _c.ANY, _c.IN):
            atom, high = _atom(op, value)
            return atom + "{1,4}" if high else atom
        if op is _c.BRANCH:
            return "(?:" + "|".join(self.sequence(branch) for branch in value[1]) + ")"
        if op is _c.SUBPATTERN:
            return self._group(*value)
        if op is _c.ATOMIC_GROUP:
            return f"(?:{self.sequence(value)})"
        if op in _REPEATS:
            return self._repeat(*value)
        if op is _c.GROUPREF and value in self._groups:
            return self._groups[value]
        raise Unrelaxable(f"no weaker form for {op}")

    def _group(self, number: int | None, add: int, drop: int, inner: Iterable[Node]) -> str:
        if drop & re.IGNORECASE:
            raise Unrelaxable("switches case sensitivity back on")
        written = f"(?{'i' if add & re.IGNORECASE else ''}:{self.sequence(inner)})"
        if number is not None:
            self._groups[number] = written
        return written

    def _repeat(self, low: int, high: int, inner: Iterable[Node]) -> str:
        nodes = list(inner)
        if len(nodes) == 1 and nodes[0][0] in (_c.LITERAL, _c.NOT_LITERAL, _c.ANY, _c.IN):
            # Every byte of a character outside ASCII is itself a high byte, so n characters are at least n of them.
            body, unbounded = _atom(*nodes[0])
        else:
            body, unbounded = self.sequence(nodes), False
            if not body:
                return ""
            body = f"(?:{body})"
        if unbounded or high == _c.MAXREPEAT or high > _REPEAT_MAX:
            return f"{body}{{{low},}}"
        return f"{body}{{{low}}}" if low == high else f"{body}{{{low},{high}}}"


def _atom(op: Any, value: Any) -> tuple[str, bool]:
    """One character as a byte class, and whether it can be a character outside ASCII."""
    if op is _c.LITERAL:
        return (_escape(value), False) if value < 128 else (f"[{_HIGH}]", True)
    if op is _c.NOT_LITERAL:
        return (f"[^{_escape(value)}]" if value < 128 else _ANY), True
    if op is _c.ANY:
        return _ANY, True
    return _class(value)


def _class(items: Sequence[Node]) -> tuple[str, bool]:
    negated = items[0][0] is _c.NEGATE
    high = "" if negated else _HIGH  # a negated class may hold any character outside ASCII
    out = ""
    for op, value in items:
        if op is _c.LITERAL:
            out += _escape(value) if value < 128 else high
        elif op is _c.RANGE:
            first, last = value
            out += f"{_escape(first)}-{_escape(min(last, 127))}" if first < 128 else ""
            out += high if last >= 128 else ""
        elif op is _c.CATEGORY:
            out += (_SURE_MEMBERS if negated else _MEMBERS)[value]
        elif op is not _c.NEGATE:
            raise Unrelaxable(f"no weaker form for {op} in a class")
    if negated:
        return (f"[^{out}]" if out else _ANY), True
    return f"[{out}]", _HIGH in out
