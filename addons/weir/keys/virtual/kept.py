"""The store of virtual keys as whoever changes it has it: keys are issued, rotated, revoked, taken over.

Every call waits for the store, for its timeout at most, and raises VirtualKeysError when that can't be used.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.keyed import Keyed
from weir.keys.virtual.form import new_key
from weir.keys.virtual.record import Grant, Uses, VirtualKey, VirtualKeysError

if TYPE_CHECKING:
    from weir.keys.virtual.rows import Issued
    from weir.keys.virtual.store import KeyStore

__all__ = ["Kept"]


class Kept:
    """``where`` is a file (a Path), made by the first key, or a ``postgresql://`` URL; nothing is opened before it is
    needed. ``hmac_key`` is what keys are hashed with."""

    def __init__(self, where: Path | str, hmac_key: bytes, timeout_s: float) -> None:
        self.where = where
        self._key, self._timeout_s = hmac_key, timeout_s
        self._keyed = Keyed(hmac_key)
        self._lock = threading.RLock()  # whoever reads or changes the store
        self._store: KeyStore | None = None

    def refresh(self) -> None:
        """Take over what changed in the store."""

    @property
    def fingerprint(self) -> str:
        """Which key hashes are made with: 16 hex digits that tell nothing of it."""
        from weir.keys.virtual.store import fingerprint

        return fingerprint(self._key)

    def issue(self, grant: Grant) -> tuple[VirtualKey, str]:
        """Issue a key: its record, and the key itself, which is stored nowhere and shown this once.

        Raises VirtualKeysError.
        """
        from weir.keys.virtual.store import Issued

        given: dict[str, Any] = {field.name: getattr(grant, field.name) for field in fields(grant)}
        if grant.expires is not None:
            given["expires"] = grant.expires.astimezone(UTC)
        record = VirtualKey(id=f"vk-{secrets.token_hex(6)}", created=_now(), **given)
        key = new_key()
        with self._lock:
            self.store.put([Issued(record, self._digest(key).hex())])
            self._follow()
        return record, key

    def create(self, **given: Any) -> tuple[VirtualKey, str]:
        """`issue` with the fields of `Grant` by name; any iterable will do where that has a tuple.

        Raises ValueError for what cannot be recorded, and VirtualKeysError.
        """
        for name in ("services", "models", "operations", "networks"):
            if name in given:
                given[name] = tuple(given[name])
        return self.issue(Grant(**given))

    def revoke(self, key_id: str) -> bool:
        """Revoke the key with this id from now on; False when there is none. Revoking twice keeps the first time.

        Raises VirtualKeysError.
        """
        if isinstance(self.where, Path) and not self.where.exists():
            return False
        with self._lock:
            before = self.store.revoke(key_id, _now())
            self._follow()
        return before is not None

    def rotate(self, key_id: str, grace: timedelta) -> tuple[VirtualKey, str] | None:
        """A new key in the place of the one with this id, which stays good for ``grace``; None when there is none.

        Id, limits and what is spent of a budget stay. A key that was rotated out before is good no more. Raises
        VirtualKeysError, for one that is revoked or has expired too.
        """
        key, now = new_key(), _now()
        if isinstance(self.where, Path) and not self.where.exists():
            return None
        with self._lock:
            record = self.store.rotate(key_id, self._digest(key).hex(), now, now + grace)
            self._follow()
        return None if record is None else (record, key)

    def every(self) -> list[tuple[Issued, Uses]]:
        """All keys and how they were used, the oldest first. Makes no store."""
        if isinstance(self.where, Path) and not self.where.exists():
            return []
        with self._lock:
            return self.store.every()

    def take(self, keys: Iterable[Issued]) -> tuple[int, int]:
        """Take over keys of another store whose hashes were made with the same key: how many were added, and of those
        that are there already, how many were revoked by it."""
        with self._lock:
            done = self.store.put(keys)
            self._follow()
        return done

    @staticmethod
    def grant_of(record: VirtualKey) -> Grant:
        """What a key like this one would be made with."""
        return Grant(**{field.name: getattr(record, field.name) for field in fields(Grant)})

    @property
    def store(self) -> KeyStore:
        """The store, made when it isn't there yet. Raises VirtualKeysError."""
        with self._lock:
            if self._store is None:
                from weir.keys.virtual.store import KeyStore

                self._store = KeyStore.of(self.where, self._key, self._timeout_s)
            return self._store

    def _digest(self, key: str) -> bytes:
        return self._keyed.digest(key.encode())

    def _follow(self) -> None:
        # The change stands in the store: were its reading an error, nobody would ever see a key that is good.
        with contextlib.suppress(VirtualKeysError):
            self.refresh()

    def _let_go(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)  # as precise as JSON shows it
