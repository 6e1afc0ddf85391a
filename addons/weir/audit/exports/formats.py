"""What ``--format`` may be, for everything that goes out row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from weir.audit.exports.cef import cef
from weir.audit.exports.ecs import ecs
from weir.audit.exports.jsonl import document
from weir.audit.exports.leef import leef
from weir.audit.exports.ocsf import ocsf
from weir.audit.exports.row import Row

__all__ = ["FORMATS", "Format", "lines"]

Format = Callable[[Row, str], list[Any]]  # row and weir's version → texts of one line, or JSON objects

FORMATS: dict[str, Format] = {
    "ocsf": lambda row, version: list(ocsf(row, version)),
    "cef": lambda row, version: [cef(row, version)],
    "leef": lambda row, version: [leef(row, version)],
    "ecs": lambda row, version: [ecs(row, version)],
    "jsonl": lambda row, version: [document(row)],
}


def lines(made: list[Any]) -> list[bytes]:
    """What a format made of a row, as lines without their ends."""
    return [item.encode("utf-8", "replace") if isinstance(item, str) else orjson.dumps(item) for item in made]
