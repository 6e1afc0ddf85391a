"""How far the ingester has read the spool: a small file that is replaced whole, and can be lost without harm."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from weir.audit.spool.segment import sync_directory

__all__ = ["Cursor"]


@dataclass(slots=True)
class Cursor:
    """``next_batch`` is what the next pass is numbered; a pass that is repeated has the same number.

    ``offsets``: bytes read by segment name. ``seen``: the last seq ingested by chain name.
    """

    next_batch: int = 1
    offsets: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

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
        return cls(doc["next_batch"], offsets, seen)

    def save(self, path: Path) -> None:
        """Replace the saved cursor, durably. Raises OSError and leaves the old one."""
        made = path.with_name(path.name + ".new")
        with made.open("wb") as file:
            file.write(orjson.dumps({"next_batch": self.next_batch, "offsets": self.offsets, "seen": self.seen}))
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
        sync_directory(path.parent)

    def forget(self, segments: set[str]) -> None:
        """Drop the offsets of segments that are gone. What was seen stays: it tells that there was such a chain."""
        self.offsets = {name: at for name, at in self.offsets.items() if name in segments}


def _counts(value: Any) -> dict[str, int] | None:
    if isinstance(value, dict) and all(isinstance(number, int) for number in value.values()):
        return value
    return None
