"""Which boots have begun to keep texts and not yet ended in order: those that a kill ended are looked through once.

A small file beside the texts. A boot that ends with all its texts on disk leaves it; what one could not write it names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson

from weir.datadir import locked, write_private

__all__ = ["LEFT_MAX", "Boots"]

LEFT_MAX = 100_000  # events named of one boot


class Boots:
    """The boots of one content directory, by the names of their chains in the spool."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "boots.json"

    def others(self, own: str) -> dict[str, list[str]]:
        """Boots but ``own`` that have not ended in order, each with the ids of events whose texts it knew to be left.

        Raises OSError.
        """
        return {name: left for name, left in self._read().items() if name != own}

    def begun(self, name: str) -> None:
        """From now on it may leave rows whose texts are not on disk. Raises OSError, DataDirError."""
        with locked(self.path):
            boots = self._read()
            if name not in boots:
                self._write({**boots, name: []})

    def left(self, name: str, events: Iterable[str]) -> None:
        """It could not write the texts of these events. Raises OSError, DataDirError."""
        with locked(self.path):
            boots = self._read()
            self._write({**boots, name: [*boots.get(name, ()), *events][:LEFT_MAX]})

    def ended(self, name: str) -> None:
        """It has ended in order; it stays if it has left texts behind. Raises OSError, DataDirError."""
        if self._read().get(name) == []:
            self.forget([name])

    def forget(self, names: Iterable[str]) -> None:
        """They were looked through. Raises OSError, DataDirError."""
        gone = set(names)
        with locked(self.path):
            self._write({name: left for name, left in self._read().items() if name not in gone})

    def _read(self) -> dict[str, list[str]]:
        try:
            said = orjson.loads(self.path.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return {}
        boots = said if isinstance(said, dict) else {}
        return {
            name: [one for one in left if isinstance(one, str)]
            for name, left in boots.items()
            if isinstance(left, list)
        }

    def _write(self, boots: dict[str, list[str]]) -> None:
        write_private(self.path, orjson.dumps(boots))
