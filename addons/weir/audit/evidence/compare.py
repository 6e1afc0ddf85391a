"""Whether spool and store still agree, by counts: what was removed from one of them, the other one tells.

A chain shows that a row in its middle was changed; that its end, or all of it, was taken away shows only where its rows
were copied to. Whoever compares looks at the cursor first, then at the store, then at the spool: rows travel the other
way, so nothing that is written meanwhile can look like a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from weir.audit.ingester.cursor import Cursor
from weir.audit.spool.chain import segments
from weir.audit.spool.ends import ends
from weir.audit.spool.retired import NOTHING, left_of
from weir.audit.store import database as store

__all__ = [
    "CUT",
    "LACKS",
    "TOUCHED",
    "Held",
    "Problem",
    "compare",
    "gone",
    "held_by_store",
    "read_cursor",
    "what_is_there",
]

_HELD = """
    SELECT proxy_id, boot_id, count(*), max(seq)
    FROM (SELECT proxy_id, boot_id, seq FROM events UNION ALL SELECT proxy_id, boot_id, seq FROM husks) GROUP BY ALL"""
GONE = "weir deletes spool files only when retention is over, and says so: find out who did, restore them"
CUT = "find out who cut it; the store still has these rows, and a backup may have the lines"
LACKS = "the spool is the truth: weir audit rebuild makes the store anew from it"
TOUCHED = "somebody or something changed the audit: keep everything as it is and find out what"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``chain`` is ``<proxy_id>-<boot_id>``; file, line and seqs where they are known."""

    chain: str
    text: str
    remedy: str
    file: str = ""
    line: int | None = None
    seq: int | None = None
    seq_last: int | None = None  # the end of a range that begins with ``seq``
    wrong: str = "differs"  # in one word, stable for programs: one of ``found.py``, or spool and store differ
    checkpoint: int | None = None  # its number

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file or self.chain
        seqs = "" if self.seq is None else f"seq {self.seq}"
        if self.seq_last is not None and self.seq_last != self.seq:
            seqs += f" to {self.seq_last}"
        number = "" if self.checkpoint is None else f"checkpoint {self.checkpoint}"
        word = "" if self.wrong == "differs" else self.wrong
        return ": ".join(part for part in (where, word, seqs, number, self.text) if part)


@dataclass(frozen=True, slots=True)
class Held:
    """What the store has of a chain: how many rows, and the highest seq."""

    proxy_id: str = ""
    boot_id: str = ""
    rows: int = 0
    last: int = 0


def what_is_there(data_dir: Path) -> tuple[bool, bool]:
    """Whether a data directory has a spool with segments, and whether it has a store."""
    return bool(segments(data_dir / "spool")), store.path_of(data_dir).exists()


def read_cursor(data_dir: Path) -> Cursor | None:
    """How far the ingester has come; None when that is not known. Raises OSError."""
    return Cursor.load(data_dir / "audit" / "cursor.json")


def held_by_store(connection: duckdb.DuckDBPyConnection) -> dict[str, Held]:
    """What the store has, by chain. Raises duckdb.Error."""
    _, rows = store.ask(connection, _HELD)
    return {f"{proxy}-{boot}": Held(proxy, boot, int(count), int(last)) for proxy, boot, count, last in rows if last}


def gone(chain: str, held: Held, seen: int) -> Problem:
    """A chain of which the spool has no file although there were ``seen`` rows, or the store holds some."""
    if held.rows:
        return Problem(chain, f"the spool's files are gone; the store has {held.rows} of the rows", GONE)
    return Problem(chain, f"{seen} rows were recorded and are gone, from the spool and from the store", GONE)


def compare(data_dir: Path) -> tuple[int, list[Problem]]:
    """How many rows the store has, and what differs between it and the spool by counts and by the ends of files.

    Reads two lines a segment and one aggregate of the store. Raises OSError, duckdb.Error when the store does not
    answer.
    """
    cursor = read_cursor(data_dir)
    with store.connect(data_dir) as connection:
        held = held_by_store(connection)
    chains, taken = left_of(data_dir)
    seen_of = cursor.seen if cursor else {name: one.last for name, one in held.items()}
    problems: list[Problem] = []
    for name in sorted({*chains, *held, *seen_of}):
        stored, seen = held.get(name, Held()), seen_of.get(name, 0)
        since = taken.get(name, NOTHING).seq
        if name in chains:
            problems += _differences(name, chains[name], stored, seen, since)
        elif max(stored.last, seen) > since:
            problems.append(gone(name, stored, seen))
    return sum(one.rows for one in held.values()), problems


def _differences(name: str, paths: list[Path], stored: Held, seen: int, since: int) -> list[Problem]:
    spool = ends(paths, since)
    problems = [Problem(name, found.text, TOUCHED, file=found.file) for found in spool.breaks]
    known = max(stored.last, seen)
    if known > spool.last:
        text = f"the end of the spool was cut off, it ends with seq {spool.last}; the store had read these rows"
        problems.append(Problem(name, text, CUT, file=paths[-1].name, seq=spool.last + 1, seq_last=known))
    if stored.rows < seen:
        problems.append(Problem(name, f"the store lacks {seen - stored.rows} of the first {seen} rows", LACKS))
    elif stored.rows > stored.last:
        problems.append(Problem(name, f"the store has {stored.rows - stored.last} rows more than once", LACKS))
    return problems
