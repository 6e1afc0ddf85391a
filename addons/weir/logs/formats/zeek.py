"""Zeek's ssl.log, http.log and dns.log: tab-separated with its columns named in the file, or JSON a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from weir.logs.format import Format, FormatError, Sample, Source
from weir.logs.sql import count, epoch, json_fields, share, stamp

__all__ = ["FORMAT"]

# Where the columns come from: the first of these fields that a log has.
_FIELDS: Mapping[str, Sequence[str]] = {
    "ts": ("ts",),
    "host": ("server_name", "host", "query"),
    "path": ("uri",),
    "user": ("username",),
    "source": ("id.orig_h",),
    "agent": ("user_agent",),
    "bytes_up": ("request_body_len",),
    "bytes_down": ("response_body_len",),
}
_TARGETS = frozenset(_FIELDS["host"])


def _looks(sample: Sample) -> float:
    fields = _named(sample)
    if fields:
        return 1.0 if "id.orig_h" in fields and _TARGETS & set(fields) else 0.0
    keys = _keys(sample)
    return 1.0 if {"ts", "id.orig_h"} <= keys and _TARGETS & keys else 0.0


def _sql(source: Source) -> str:
    fields = _named(source.sample)
    if fields:
        return _select(lambda name: f"f[{fields.index(name) + 1}]", fields, "string_split(text, chr(9))", len(fields))
    keys = sorted(_keys(source.sample))
    paths = [f'$."{key}"' for key in keys]
    return _select(lambda name: f"f[{keys.index(name) + 1}]", keys, json_fields("text", paths), 0)


def _select(at: Callable[[str], str], fields: Sequence[str], split: str, width: int) -> str:
    parts = ["line"]
    found: dict[str, str] = {}
    for column, names in _FIELDS.items():
        name = next((name for name in names if name in fields), "")
        if name:
            found[column] = f"nullif(nullif({at(name)}, '-'), '(empty)')"
    if "host" not in found:
        raise FormatError("is a log of Zeek's that names no host; ssl.log, http.log and dns.log do")
    for column, cell in found.items():
        if column == "ts":
            cell = f"coalesce({epoch(cell)}, {stamp(cell)})"
        elif column.startswith("bytes"):
            cell = count(cell)
        parts.append(f'{cell} AS "{column}"')
    wrong = f"len(f) <> {width}" if width else "f IS NULL"
    why = "not as many fields as #fields names" if width else "not JSON"
    parts.append(f"CASE WHEN {wrong} THEN '{why}' END AS bad")
    return share(", ".join(parts), split, where="NOT starts_with(text, '#')")


def _named(sample: Sample) -> list[str]:
    line = next((line for line in sample.lines if line.startswith("#fields\t")), "")
    return line.rstrip("\r ").split("\t")[1:]


def _keys(sample: Sample) -> set[str]:
    keys: set[str] = set()
    for line in sample.filled[:50]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            keys.update(key for key in value if key.replace("_", "").replace(".", "").isalnum() and key.isascii())
    return keys & {name for names in _FIELDS.values() for name in names}


FORMAT = Format("zeek", "Zeek ssl.log, http.log or dns.log, tab-separated or JSON", _looks, _sql)
