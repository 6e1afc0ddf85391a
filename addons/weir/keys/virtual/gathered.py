"""Uses of keys between two times that they are written down."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime

from weir.keys.virtual.record import Uses, VirtualKey

__all__ = ["Gathered"]


class Gathered:
    """What has not been written down yet, by id of the key: never more than there are keys. Thread-safe."""

    def __init__(self) -> None:
        self._uses: dict[str, Uses] = {}
        self._lock = threading.Lock()

    def add(self, key: VirtualKey, address: str, at: datetime) -> None:
        """One use."""
        old = at if key.grace_until is not None else None
        self._put(key.id, Uses(1, at, address, old))

    def take(self) -> dict[str, Uses]:
        """All of them, which are gone from here."""
        with self._lock:
            uses, self._uses = self._uses, {}
        return uses

    def give_back(self, uses: Mapping[str, Uses]) -> None:
        """They could not be written down."""
        with self._lock:
            later, self._uses = self._uses, dict(uses)
        for key_id, one in later.items():
            self._put(key_id, one)

    def _put(self, key_id: str, later: Uses) -> None:
        with self._lock:
            was = self._uses.get(key_id, Uses())
            self._uses[key_id] = Uses(
                was.count + later.count, later.last, later.address or was.address, later.old_last or was.old_last
            )
