"""Spool lines: how a record is written, chained and read back.

A line is the record's JSON without what is not known, then ``prev_hash`` and ``row_hash`` as its last two members.
``row_hash = sha256(prev_hash + body)`` where ``body`` is the same JSON object without these two: whoever checks a line
needs only to cut off its end, in any language, without parsing it.
"""

from __future__ import annotations

import hashlib
import re
from operator import attrgetter
from typing import Any

import orjson

from weir.audit.columns import INT64_MAX, Column, columns_of
from weir.audit.record import TABLES, AuditRecord, FindingRow, ToolCallRow

__all__ = ["GENESIS", "BadLine", "encode", "read_line", "rows_of", "seal", "unseal"]

GENESIS = "0" * 64  # the prev_hash of a boot's first record
_SET_LATER = {"proxy_id", "boot_id", "seq", "prev_hash", "row_hash"}
_NAMES = tuple(c.name for c in TABLES["events"] if c.name not in _SET_LATER)
_VALUES = attrgetter(*_NAMES)
_CHILDREN = {
    "findings": (tuple(c.name for c in columns_of(FindingRow)), attrgetter(*(c.name for c in columns_of(FindingRow)))),
    "tool_calls": (
        tuple(c.name for c in columns_of(ToolCallRow)),
        attrgetter(*(c.name for c in columns_of(ToolCallRow))),
    ),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SUSPECT = re.compile(rb"\\[bfnrtu]|\x7f")  # \\" and \\\\ are no control characters and need nothing
_TAIL = re.compile(rb',"prev_hash":"([0-9a-f]{64})","row_hash":"([0-9a-f]{64})"\}\n?\Z')
_TAIL_LENGTH = len(b',"prev_hash":"","row_hash":""}\n') + 128


class BadLine(ValueError):
    """A line that is no audit record. The message says what is wrong and never quotes the line."""


def encode(record: AuditRecord, proxy_id: str, boot_id: str, seq: int) -> bytes:
    """The body of a line: compact JSON in column order, control characters replaced by U+FFFD.

    Raises TypeError when the record holds a value that is no int, str, bool, None or tuple of str.
    """
    doc: dict[str, Any] = {"proxy_id": proxy_id, "boot_id": boot_id, "seq": seq}
    for name, value in zip(_NAMES, _VALUES(record), strict=True):
        if value is not None and value != "" and value != ():
            doc[name] = value
    for name, (names, values) in _CHILDREN.items():
        rows = getattr(record, name)
        if rows:
            doc[name] = [
                {n: v for n, v in zip(names, values(row), strict=True) if v is not None and v != ""} for row in rows
            ]
    try:
        body = orjson.dumps(doc)
    except TypeError:  # a lone surrogate, an integer over 64 bits, or a type that has no place here
        return orjson.dumps(_clean(doc))
    # Whatever needs replacing shows as an escape or as a DEL; looking for that is cheaper than looking at each string.
    if _SUSPECT.search(body):
        return orjson.dumps(_clean(doc))
    return body


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _CONTROL.sub("\ufffd", value.encode("utf-8", "replace").decode())
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return max(-INT64_MAX, min(INT64_MAX, value))
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    raise TypeError("an audit record holds only int, str, bool, None and tuples of str")


def seal(body: bytes, prev_hash: str) -> tuple[bytes, str]:
    """Chain a body to the record before it: the whole line with its newline, and its row hash (hex)."""
    row_hash = hashlib.sha256(prev_hash.encode() + body).hexdigest()
    return b'%b,"prev_hash":"%b","row_hash":"%b"}\n' % (body[:-1], prev_hash.encode(), row_hash.encode()), row_hash


def unseal(line: bytes) -> tuple[bytes, str, str]:
    """Body, prev_hash and row_hash of a line. Raises BadLine when it does not end in the two hashes."""
    tail = _TAIL.search(line, max(0, len(line) - _TAIL_LENGTH))
    if tail is None:
        raise BadLine("it does not end in its hashes")
    return line[: tail.start()] + b"}", tail[1].decode(), tail[2].decode()


def read_line(line: bytes) -> dict[str, Any]:
    """The JSON object of a line. Raises BadLine."""
    try:
        doc = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BadLine("it is no JSON") from None  # the decoder's own message would quote the line
    if not isinstance(doc, dict):
        raise BadLine("it is no JSON object")
    return doc


def rows_of(doc: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of one line by table, with known columns only: anything else in the line goes no further.

    Raises BadLine when a value has the wrong type or the line does not say which record it is.
    """
    if not (doc.get("proxy_id") and doc.get("boot_id") and doc.get("seq")):
        raise BadLine("it lacks proxy_id, boot_id or seq")
    event = _row(doc, TABLES["events"])
    tables = {"events": [event]}
    for name in _CHILDREN:
        children = doc.get(name, [])
        if not isinstance(children, list) or not all(isinstance(child, dict) for child in children):
            raise BadLine(f"{name} is no list of objects")
        columns = TABLES[name]
        tables[name] = [_row({**child, **_parent(event)}, columns) for child in children]
    return tables


def _parent(event: dict[str, Any]) -> dict[str, Any]:
    return {c.name: event.get(c.name) for c in TABLES["events"][:6]}


def _row(doc: dict[str, Any], columns: tuple[Column, ...]) -> dict[str, Any]:
    row = {}
    for column in columns:
        value = doc.get(column.name)
        if value is None:
            continue
        if not column.accepts(value):
            raise BadLine(f"{column.name} has the wrong type")
        row[column.name] = value
    return row
