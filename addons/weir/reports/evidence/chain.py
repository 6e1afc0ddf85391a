"""What ties the folder's rows to the signed checkpoints: the edge of the tree before them, and the rows between them.

The rows of a period are not a stretch of a run without holes: a record belongs to a period by when its exchange began.
So the hashes of the rows in between are kept too, and the root over all of them can be computed from the folder alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import orjson

from weir.audit.evidence.entries import Checkpoint
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.merkle import Frontier, leaf_hash
from weir.audit.store.parquet import quote
from weir.reports.evidence.source import Source

__all__ = ["BETWEEN", "EDGES", "Stretch", "check_chain", "write_chain"]

EDGES, BETWEEN = "chain.jsonl", "chain.parquet"
_MANY = 50_000
# Of rows whose time was over the store keeps where they stood in the chain.
_ROWS = (
    "(SELECT proxy_id, boot_id, seq, row_hash FROM audit.events "
    "UNION ALL SELECT proxy_id, boot_id, seq, row_hash FROM audit.husks)"
)
_COLUMNS = "proxy_id VARCHAR, boot_id VARCHAR, seq UBIGINT, row_hash VARCHAR"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows ``first`` to ``last`` of a run. ``edge``: the hashes of the tree before them, None if that is not known."""

    proxy_id: str
    boot_id: str
    first: int
    last: int
    edge: tuple[str, ...] | None

    @property
    def chain(self) -> str:
        """The name of the run's chain of rows."""
        return f"{self.proxy_id}-{self.boot_id}"


def write_chain(source: Source, folder: Path, log: LogReport | None) -> list[Stretch]:
    """Write both files to ``folder``, where the period's rows are. Raises OSError, duckdb.Error."""
    runs = source.whole("SELECT proxy_id, boot_id, min(seq), max(seq) FROM events GROUP BY 1, 2 ORDER BY 1, 2")
    source.run(f"CREATE TEMP TABLE between_rows ({_COLUMNS})")
    made = []
    for proxy, boot, low, high in runs:
        first, last = int(str(low)), int(str(high))
        sizes = [item.size for item in (log.checkpoints.get(f"{proxy}-{boot}", []) if log else [])]
        last = min((size for size in sizes if size >= last), default=last)
        edge = _edge(source, proxy, boot, first)
        made.append(Stretch(str(proxy), str(boot), first, last, edge))
        source.run(
            f"INSERT INTO between_rows SELECT proxy_id, boot_id, seq, row_hash FROM {_ROWS} a "
            "WHERE proxy_id = ? AND boot_id = ? AND seq BETWEEN ? AND ? AND NOT EXISTS "
            "(SELECT 1 FROM events e WHERE e.proxy_id = a.proxy_id AND e.boot_id = a.boot_id AND e.seq = a.seq)",
            [proxy, boot, first, last],
        )
    source.run(f"COPY between_rows TO {quote(folder / BETWEEN)} (FORMAT parquet, COMPRESSION zstd)")
    lines = (
        {"proxy_id": one.proxy_id, "boot_id": one.boot_id, "first": one.first, "last": one.last, "edge": one.edge}
        for one in made
    )
    (folder / EDGES).write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return made


def _edge(source: Source, proxy: object, boot: object, first: int) -> tuple[str, ...] | None:
    """The edge of the tree over the rows before ``first``; None when the store no longer has them all."""
    tree = Frontier()
    query = "SELECT row_hash FROM audit.events WHERE proxy_id = ? AND boot_id = ? AND seq >= ? AND seq < ? ORDER BY seq"
    while tree.size < first - 1:
        begin = tree.size + 1
        rows = source.whole(query, [proxy, boot, begin, min(begin + _MANY, first)])
        if len(rows) != min(_MANY, first - begin):
            return None
        for (row_hash,) in rows:
            tree.append(leaf_hash(bytes.fromhex(str(row_hash))))
    return tuple(item.hex() for item in tree.hashes)


@dataclass(slots=True)
class Checked:
    """What the check of a folder's rows came to."""

    wrong: list[str]
    signed: int = 0  # rows that are in a tree whose root was signed
    unsigned: int = 0  # rows after the last checkpoint, or whose beginning is not known


def check_chain(records: Path, log: LogReport) -> Checked:
    """Put the trees together from the folder's rows and hold their roots against the checkpoints. Raises OSError,
    duckdb.Error for files that are none."""
    made = Checked([])
    try:
        stretches = [_stretch(line) for line in (records / EDGES).read_bytes().splitlines()]
    except (ValueError, KeyError, TypeError):
        return Checked([f"{EDGES} holds something else than edges"])
    with duckdb.connect(config={"threads": 2, "memory_limit": "512MB"}) as engine:
        events, between = quote(records / "events.parquet"), quote(records / BETWEEN)
        engine.execute(
            f"CREATE VIEW leaves AS SELECT proxy_id, boot_id, seq, row_hash FROM read_parquet({events}) "
            f"UNION ALL SELECT proxy_id, boot_id, seq, row_hash FROM read_parquet({between})"
        )
        for one in stretches:
            _check(engine, one, log.checkpoints.get(one.chain, []), made)
        known = ", ".join(f"({quote(one.proxy_id)}, {quote(one.boot_id)})" for one in stretches) or "('', '')"
        ((strange,),) = engine.execute(
            f"SELECT count(*) FROM leaves WHERE (proxy_id, boot_id) NOT IN ({known})"
        ).fetchall()
        if strange:
            made.wrong.append(f"{strange} rows are of runs that {EDGES} does not name")
    return made


def _check(engine: duckdb.DuckDBPyConnection, one: Stretch, signed: list[Checkpoint], made: Checked) -> None:
    result = engine.execute(
        "SELECT seq, row_hash FROM leaves WHERE proxy_id = ? AND boot_id = ? ORDER BY seq", [one.proxy_id, one.boot_id]
    )
    tree = None if one.edge is None else Frontier(one.first - 1, [bytes.fromhex(item) for item in one.edge])
    roots = {item.size: item.root for item in signed}
    seq, proved = one.first - 1, one.first - 1
    for found, row_hash in _rows(result):
        if found != seq + 1:
            made.wrong.append(f"{one.chain}: row {seq + 1} was expected, row {found} is there")
            return
        seq = found
        if tree is None:
            continue
        tree.append(leaf_hash(bytes.fromhex(row_hash)))
        if seq in roots:
            if tree.root() != roots[seq]:
                made.wrong.append(f"{one.chain}: the rows up to {seq} are not those that were signed")
                return
            proved = seq
    if seq != one.last:
        made.wrong.append(f"{one.chain}: the rows end with {seq}, {EDGES} says {one.last}")
    made.signed += proved - one.first + 1
    made.unsigned += seq - proved


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, str]]:
    while rows := result.fetchmany(_MANY):
        for seq, row_hash in rows:
            yield int(seq), str(row_hash)


def _stretch(line: bytes) -> Stretch:
    doc: dict[str, Any] = orjson.loads(line)
    first, last = doc["first"], doc["last"]
    edge = None if doc["edge"] is None else tuple(doc["edge"])
    if not (type(first) is type(last) is int and 0 < first <= last):
        raise ValueError
    if edge is not None:
        Frontier(first - 1, [bytes.fromhex(item) for item in edge])  # raises ValueError when it is no edge
    return Stretch(str(doc["proxy_id"]), str(doc["boot_id"]), first, last, edge)
