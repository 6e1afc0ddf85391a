"""Rows of chains whose lines the spool has no more, as the store has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.audit.exports.row import Row
from weir.audit.store import database as store

__all__ = ["Ends", "Stored"]

_ROWS = 5_000  # read at a time
_CHILDREN = ("findings", "tool_calls")


@dataclass(frozen=True, slots=True)
class Ends:
    """The first and the last seq of a chain that are in the store."""

    first: int
    last: int


class Stored:
    """Reads the store of a data directory, if there is one."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._ids: dict[str, tuple[str, str]] = {}

    def chains(self, since: int = 0) -> dict[str, Ends]:
        """The chains with rows from ``since`` (µs) on, oldest first. Raises OSError, duckdb.Error."""
        if not store.path_of(self._data).exists():
            return {}
        _, rows = store.sql(
            self._data,
            "SELECT proxy_id, boot_id, min(seq), max(seq) FROM events "
            f"WHERE ts >= make_timestamp({int(since)}) GROUP BY ALL ORDER BY min(ts)",
        )
        found = {}
        for proxy_id, boot_id, first, last in rows:
            self._ids[f"{proxy_id}-{boot_id}"] = (proxy_id, boot_id)
            found[f"{proxy_id}-{boot_id}"] = Ends(int(first), int(last))
        return found

    def learn(self, chain: str, doc: Mapping[str, Any]) -> None:
        """Remember whose chain it is, from any of its records."""
        self._ids.setdefault(chain, (str(doc.get("proxy_id")), str(doc.get("boot_id"))))

    def rows(self, chain: str, first: int, last: int) -> Iterator[tuple[int, Row]]:
        """Seq and row, in order, with findings and tool calls inside. Raises OSError, duckdb.Error."""
        if chain not in self._ids or not store.path_of(self._data).exists():
            return
        with store.connect(self._data) as connection:
            while first <= last:
                upto = min(last, first + _ROWS - 1)
                asked = [*self._ids[chain], first, upto]
                inside: dict[str, dict[str, list[Row]]] = {}
                for name in _CHILDREN:
                    inside[name] = defaultdict(list)
                    for child in _dicts(store.ask(connection, _query(name) + ", ord", asked)):
                        inside[name][str(child["event_id"])].append(child)
                for row in _dicts(store.ask(connection, _query("events"), asked)):
                    event_id = str(row["event_id"])
                    yield int(row["seq"]), {**row, **{name: inside[name][event_id] for name in _CHILDREN}}
                first = upto + 1


def _query(table: str) -> str:
    return f"SELECT * FROM {table} WHERE proxy_id = ? AND boot_id = ? AND seq BETWEEN ? AND ? ORDER BY seq"


def _dicts(answer: tuple[list[str], list[tuple[Any, ...]]]) -> Iterator[dict[str, Any]]:
    names, rows = answer
    return (dict(zip(names, row, strict=True)) for row in rows)
