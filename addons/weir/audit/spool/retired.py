"""Beginnings of chains that retention took out of the spool, and what is kept of them so that the rest can be verified.

``audit/retired.json`` has for each such chain up to which seq its rows are gone, the hash of the last of them, and the
edge of the Merkle tree over all of them (RFC 6962). It proves nothing by itself: a checkpoint signed over these
rows, or over later ones of the same tree, does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from weir.audit.evidence.merkle import HASH_BYTES, Frontier
from weir.audit.spool.lines import GENESIS
from weir.audit.spool.opened import number_of, segments
from weir.datadir import write_private

__all__ = ["NOTHING", "BadRetired", "Retired", "left_of", "path_of", "retired", "save", "standing"]


class BadRetired(OSError):
    """The file is damaged. One line, with what to do."""


@dataclass(frozen=True, slots=True)
class Retired:
    """The beginning of a chain that is gone: rows 1 to ``seq``, which stood in the segments up to ``number``.

    ``head``: the row hash of row ``seq``; ``hashes``: the tree's edge over these rows; ``ts``: when rows were taken
    away last, µs since the epoch.
    """

    seq: int = 0
    number: int = 0
    head: str = GENESIS
    hashes: tuple[bytes, ...] = ()
    ts: int = 0

    @property
    def frontier(self) -> Frontier:
        """The tree over the rows that are gone, to go on with."""
        return Frontier(self.seq, self.hashes)


NOTHING = Retired()


def path_of(data: Path) -> Path:
    """Where it stands in a data directory."""
    return data / "audit" / "retired.json"


def retired(data: Path) -> dict[str, Retired]:
    """What is gone, by chain; empty when nothing is. Raises OSError, BadRetired for a damaged file."""
    path = path_of(data)
    try:
        doc = orjson.loads(path.read_bytes())
        return {name: _read(item) for name, item in doc["chains"].items()}
    except FileNotFoundError:
        return {}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise BadRetired(
            0, f"{path.name} is damaged: put it back from a backup; without it old chains have no beginning"
        ) from None


def _read(item: Mapping[str, Any]) -> Retired:
    seq, number, head, ts = item["size"], item["segments"], item["row_hash"], item["ts"]
    if not all(type(value) is int and value >= 0 for value in (seq, number, ts)):
        raise ValueError("no count")
    if not (isinstance(head, str) and len(bytes.fromhex(head)) == HASH_BYTES):
        raise ValueError("no hash")
    made = Retired(seq, number, head, tuple(bytes.fromhex(one) for one in item["hashes"]), ts)
    assert made.frontier.size == seq  # raises ValueError where the hashes can't be those of so many rows
    return made


def save(data: Path, chains: Mapping[str, Retired]) -> None:
    """Replace what is kept, durably and in one step. Raises DataDirError and leaves the old one."""
    doc = {
        name: {
            "size": one.seq,
            "segments": one.number,
            "row_hash": one.head,
            "hashes": [item.hex() for item in one.hashes],
            "ts": one.ts,
        }
        for name, one in sorted(chains.items())
    }
    write_private(path_of(data), orjson.dumps({"version": 1, "chains": doc}, option=orjson.OPT_INDENT_2) + b"\n")


def left_of(data: Path) -> tuple[dict[str, list[Path]], dict[str, Retired]]:
    """The segments of a data directory's spool that count, by chain, and what is gone. Raises OSError."""
    chains = segments(data / "spool")  # first: what goes after this look was there, what went before is known
    gone = retired(data)
    return standing(chains, gone), gone


def standing(chains: Mapping[str, list[Path]], gone: Mapping[str, Retired]) -> dict[str, list[Path]]:
    """The segments that still count: a crash between keeping a tree's edge and removing files leaves some behind."""
    found = {}
    for name, paths in chains.items():
        since = gone.get(name, NOTHING).number
        left = [path for path in paths if number_of(path) > since]
        if left:
            found[name] = left
    return found
