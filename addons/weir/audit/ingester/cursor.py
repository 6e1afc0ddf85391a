"""How far the ingester has read the spool: a small file that is replaced whole, and can be lost without harm."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from weir.audit.spool.segment import sync_directory

__all__ = ["Cursor"]

_HOLES_MAX = 1000  # of a chain


@dataclass(slots=True)
class Cursor:
    """``next_batch`` is what the next pass is numbered; a pass that is repeated has the same number.

    ``offsets``: bytes read by segment name. ``seen``: the last seq ingested by chain name. ``holes``: what is missing
    before that, from and to, by chain name: a file that was moved away may come back.
    """

    next_batch: int = 1
    offsets: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    holes: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Cursor | None:
        """The saved cursor; None when there is none or it cannot be read."""
        try:
            doc = orjson.loads(path.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        if not (isinstance(doc, dict) and isinstance(doc.get("next_batch"), int)):
            return None
        offsets, seen = _counts(doc.get("offsets")), _counts(doc.get("seen"))
        if offsets is None or seen is None:
            return None
        return cls(doc["next_batch"], offsets, seen, _holes(doc.get("holes", {})))

    def save(self, path: Path) -> None:
        """Replace the saved cursor, durably. Raises OSError and leaves the old one."""
        made = path.with_name(path.name + ".new")
        with made.open("wb") as file:
            file.write(
                orjson.dumps(
                    {"next_batch": self.next_batch, "offsets": self.offsets, "seen": self.seen, "holes": self.holes}
                )
            )
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
        sync_directory(path.parent)

    def following(self) -> Cursor:
        """A copy for the next pass."""
        holes = {chain: list(some) for chain, some in self.holes.items()}
        return Cursor(self.next_batch, dict(self.offsets), dict(self.seen), holes)

    def take(self, chain: str, seq: int) -> bool:
        """Note a row; False when it is ingested already."""
        last = self.seen.get(chain, 0)
        if seq > last:
            if 0 < last < seq - 1:
                self.holes[chain] = [*self.holes.get(chain, []), (last + 1, seq - 1)][-_HOLES_MAX:]
            self.seen[chain] = seq
            return True
        some = self.holes.get(chain)
        hole = next((one for one in some or () if one[0] <= seq <= one[1]), None)
        if some is None or hole is None:
            return False
        some.remove(hole)
        some += [part for part in ((hole[0], seq - 1), (seq + 1, hole[1])) if part[0] <= part[1]]
        if not some:
            del self.holes[chain]
        return True

    def forget(self, segments: set[str]) -> None:
        """Drop the offsets of segments that are gone. What was seen stays: it tells that there was such a chain."""
        self.offsets = {name: at for name, at in self.offsets.items() if name in segments}


def _holes(value: Any) -> dict[str, list[tuple[int, int]]]:
    """As saved; none of a file of before, or of one that somebody wrote into."""
    try:
        return {str(chain): [(int(begin), int(end)) for begin, end in some] for chain, some in value.items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def _counts(value: Any) -> dict[str, int] | None:
    if isinstance(value, dict) and all(isinstance(number, int) for number in value.values()):
        return value
    return None
