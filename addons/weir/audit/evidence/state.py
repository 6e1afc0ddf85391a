"""What a witness puts aside: the tree it was growing, and what it found. It may be lost at any time.

Nobody believes it: a tree counts only if a checkpoint was signed over it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from weir.datadir import write_private

__all__ = ["Aside", "State"]


@dataclass(frozen=True, slots=True)
class Aside:
    """A boot's tree over ``size`` rows, the hash of the last of them, how far its files were read (bytes, lines)."""

    chain: str
    size: int
    hashes: tuple[bytes, ...]
    head: str
    offsets: Mapping[str, int] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


class State:
    """The file. ``asides``: the trees that were put aside, by chain; ``found``: what the witness found."""

    def __init__(self, path: Path) -> None:
        """A file that is missing or damaged is an empty one. Raises OSError."""
        self._path = path
        self.asides: dict[str, Aside] = {}
        self.found: list[str] = []
        self._saved = b""
        with suppress(FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            doc = orjson.loads(path.read_bytes())
            self.found = [str(item) for item in doc["found"]]
            self.asides = {one.chain: one for one in map(_aside, doc["trees"])}

    def save(self, found: Sequence[str]) -> None:
        """Write it down if it changed. Raises OSError or DataDirError."""
        trees = [
            {
                "chain": aside.chain,
                "size": aside.size,
                "hashes": [item.hex() for item in aside.hashes],
                "head": aside.head,
                "offsets": dict(aside.offsets),
                "lines": dict(aside.lines),
            }
            for aside in self.asides.values()
        ]
        data = orjson.dumps({"found": list(found), "trees": trees})
        if data != self._saved:
            write_private(self._path, data)
            self._saved = data
        self.found = list(found)


def _aside(doc: Any) -> Aside:
    hashes = tuple(bytes.fromhex(item) for item in doc["hashes"])
    return Aside(
        str(doc["chain"]), int(doc["size"]), hashes, str(doc["head"]), _counts(doc["offsets"]), _counts(doc["lines"])
    )


def _counts(doc: Any) -> dict[str, int]:
    return {str(name): int(value) for name, value in doc.items()}
