"""Keys that are still where they were before, in the JSON file of earlier versions or in the data directory's database
while a server has them now, and their way over: once, and safely if that is cut off."""

from __future__ import annotations

import json
from pathlib import Path

from weir.datadir import DataDirError, locked, read_private
from weir.keys.virtual.record import VirtualKeysError, from_json
from weir.keys.virtual.store import Issued, KeyStore

__all__ = ["move", "move_all", "read"]


def read(path: Path) -> list[Issued]:
    """The keys in the file of an earlier version. Raises VirtualKeysError, naming the entry, never quoting it."""
    try:
        document = json.loads(read_private(path))
    except DataDirError as error:
        raise VirtualKeysError(str(error)) from None
    except ValueError:
        raise VirtualKeysError(f"{path}: is not JSON; restore it from a backup") from None
    if not isinstance(document, dict) or document.get("version") != 1 or not isinstance(document.get("keys"), list):
        raise VirtualKeysError(f"{path}: is not a version 1 key store")
    found = []
    for number, entry in enumerate(document["keys"], 1):
        try:
            digest = entry["hash"]
            if len(bytes.fromhex(digest)) != 32:
                raise ValueError
            found.append(Issued(from_json(entry), digest.lower()))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise VirtualKeysError(f"{path}: key number {number} is damaged; restore the file from a backup") from None
    return found


def move(path: Path, store: KeyStore) -> int:
    """Take the keys of ``path`` into ``store`` and rename it to ``….migrated``; how many were new there.

    Cut off at any point it can be done again: what the store has already stays, but a revocation in either holds.
    Raises VirtualKeysError.
    """
    try:
        with locked(path):
            if not path.exists():  # another process was faster
                return 0
            added, _ = store.put(read(path))
            path.replace(path.with_name(f"{path.name}.migrated"))
            return added
    except (DataDirError, OSError) as error:
        raise VirtualKeysError(f"{path}: cannot be moved into the database ({error})") from None


def move_all(path: Path, hmac_key: bytes, store: KeyStore, timeout_s: float) -> int:
    """Take all keys of the database in the file ``path`` into ``store``, and out of there; how many were new.

    They are taken out, for two copies would go separate ways: a key revoked in one would be good in the other. Cut
    off it can be done again. Raises VirtualKeysError.
    """
    if not path.exists():
        return 0
    before = KeyStore.of(path, hmac_key, timeout_s)
    try:
        found = before.every()
        if not found:
            return 0
        added, _ = store.put(one for one, _ in found)
        store.use({one.record.id: uses for one, uses in found if uses.last is not None})
        before.clear()
        return added
    finally:
        before.close()
