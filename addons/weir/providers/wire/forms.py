"""Forms as browsers send them (``application/x-www-form-urlencoded``): fields, and edits that leave the others be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, quote_plus, unquote_to_bytes

from weir.model import Unparsed

__all__ = ["Field", "fields_of", "set_fields"]

_FIELDS_MAX: Final = 1000
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Field(NamedTuple):
    """One field: its name and value, decoded, and where the value stands. ``exact``: it can be written back alike."""

    name: str
    value: str
    start: int
    end: int
    exact: bool


def _url_search_params(text: str) -> str:
    return quote_plus(text, safe="*-._").replace("~", "%7E")


def _uri_component(text: str) -> str:
    return quote(text, safe="-_.!~*'()")


# The ways in which clients write a value: browsers' forms, JavaScript by hand, Python.
_WRITERS: Final[tuple[Callable[[str], str], ...]] = (_url_search_params, _uri_component, quote_plus, quote)


def _writer(raw: bytes, text: str) -> Callable[[str], str] | None:
    written = raw.decode("ascii", "replace")
    return next((write for write in _WRITERS if write(text).casefold() == written.casefold()), None)


def fields_of(body: bytes) -> list[Field]:
    """The fields of a form in their order. Raises Unparsed when ``body`` is none that everybody reads alike."""
    if not body.isascii() or _BAD_ESCAPE.search(body):
        raise Unparsed("not a form")
    parts = body.split(b"&")
    if len(parts) > _FIELDS_MAX:
        raise Unparsed("form has too many fields")
    found: list[Field] = []
    at = 0
    for part in parts:
        name, equals, raw = part.partition(b"=")
        start = at + len(name) + len(equals)
        try:
            label = unquote_to_bytes(name.replace(b"+", b" ")).decode("utf-8")
            value = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
        except UnicodeDecodeError:
            raise Unparsed("form is not UTF-8") from None
        if part:
            found.append(Field(label, value, start, at + len(part), _writer(raw, value) is not None))
        at += len(part) + 1
    return found


def set_fields(body: bytes, values: Mapping[int, str]) -> bytes:
    """``body`` with the fields of these numbers set, written as they were. Raises Unparsed when one can't be."""
    found = fields_of(body)
    out: list[bytes] = []
    done = 0
    for number, text in sorted(values.items()):
        field = found[number]
        write = _writer(body[field.start : field.end], field.value)
        if write is None:
            raise Unparsed("a field of the form can't be edited")
        out += (body[done : field.start], write(text.encode("utf-8", "replace").decode()).encode())
        done = field.end
    return b"".join([*out, body[done:]])
