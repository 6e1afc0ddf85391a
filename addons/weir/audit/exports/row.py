"""What every format asks of a row: a dict of columns as a spool line or the store gives it, children included.

A row is believed in nothing: a column may be missing, NULL or of another type. Only columns are ever asked for by name,
so what else may be in the dict (a prompt, say) goes nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

__all__ = [
    "EXCHANGES",
    "PRODUCT",
    "Row",
    "children",
    "clean",
    "flag",
    "held",
    "kept",
    "label",
    "micros",
    "millis",
    "moment",
    "number",
    "severity",
    "text",
    "title",
    "words",
]

Row = Mapping[str, Any]
PRODUCT = "weir"  # as vendor and product: no company stands behind it
EXCHANGES = ("request", "response", "block", "error", "turn", "message", "coach")
HOLDING = ("block", "coach")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What moves a cursor, ends a line, or turns text round: a receiver shows it to somebody.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_LABEL = re.compile(r"[^A-Za-z0-9_.:-]+")
_GRADES = {"critical": 9, "high": 8, "medium": 6, "low": 4}
_KINDS = {
    "request": "AI request",
    "response": "AI exchange",
    "block": "AI request blocked",
    "error": "AI exchange broke off",
    "turn": "AI answer on a socket",
    "message": "Message on a socket",
    "coach": "AI request held for a reason",
    "meter": "Connection not decrypted",
    "discovered": "AI service discovered",
    "first_seen": "AI service used for the first time",
    "gap": "Audit records missing",
    "config": "weir changed its state",
    "erasure": "Content erased",
    "budget": "Budget mark passed",
    "disclosure": "Kept texts read",
    "retention": "Records past their time removed",
}


def text(row: Row, name: str) -> str:
    """A column as text, "" when it is not known. Lone surrogates, which no encoder takes, are replaced."""
    value = row.get(name)
    if isinstance(value, UUID):  # as the store gives it
        return str(value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def clean(value: str, chars_max: int = 1_024) -> str:
    """A text for one line: runs of control characters become a space, and it ends at ``chars_max`` characters."""
    return _CONTROL.sub(" ", value)[:chars_max]


def words(row: Row, name: str) -> list[str]:
    """A column that holds a list of texts."""
    value = row.get(name)
    items = value if isinstance(value, list | tuple) else ()
    return [item.encode("utf-8", "replace").decode() for item in items if isinstance(item, str)]


def number(row: Row, name: str) -> int | None:
    """A column as an integer, None when it is not known."""
    value = row.get(name)
    return value if type(value) is int else None


def flag(row: Row, name: str) -> bool:
    """A column that is true or not."""
    return row.get(name) is True


def children(row: Row, name: str) -> list[Row]:
    """The rows of a child table that belong to this one: ``findings`` or ``tool_calls``."""
    value = row.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def label(value: str, chars_max: int = 32) -> str:
    """A text for a place where only letters, digits and ``_.:-`` may stand."""
    return _LABEL.sub("_", value)[:chars_max]


def micros(row: Row, name: str) -> int:
    """A point in time, µs since the epoch: an integer from the spool, a datetime (UTC) from the store. 0: unknown."""
    value = row.get(name)
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (at - _EPOCH) // timedelta(microseconds=1)
    return value if type(value) is int and 0 <= value < 253_402_300_800_000_000 else 0  # the end of year 9999


def millis(row: Row, name: str = "ts") -> int:
    """A point in time, ms since the epoch."""
    return micros(row, name) // 1_000


def moment(row: Row, name: str = "ts") -> str:
    """A point in time as RFC 3339 with microseconds, UTC."""
    return (_EPOCH + timedelta(microseconds=micros(row, name))).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def held(row: Row) -> bool:
    """Whether weir kept the request from being answered."""
    return text(row, "action") in HOLDING


def title(row: Row) -> str:
    """What happened, in a few words of weir's own: never anything that a client wrote."""
    kind = text(row, "kind")
    found = _KINDS.get(kind, "weir event")
    return f"{found}: held back" if kind == "response" and held(row) else found


def severity(row: Row) -> int:
    """How much it matters, 0 to 10: by the gravest finding, by what kind of event it is, by what was done."""
    grades = [_GRADES.get(text(item, "severity"), 0) for item in children(row, "findings")]
    kind = text(row, "kind")
    of_kind = {"gap": 8, "erasure": 5, "budget": 5, "disclosure": 5, "error": 4, "discovered": 4, "first_seen": 4}
    grades.append(of_kind.get(kind, 1))
    if held(row):
        grades.append(6)
    if text(row, "inspection") == "failed":
        grades.append(5)
    return max(grades)


def kept(doc: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object without what is not known: None, empty texts, lists and objects are left out, all the way down."""
    found = {}
    for key, value in doc.items():
        if isinstance(value, Mapping):
            value = kept(value)
        elif isinstance(value, list):
            value = [kept(item) if isinstance(item, Mapping) else item for item in value]
            value = [item for item in value if item not in ("", None) and item != {}]
        if value is None or value == "" or value == [] or value == {}:
            continue
        found[key] = value
    return found
