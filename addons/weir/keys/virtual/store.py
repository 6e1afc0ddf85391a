"""Virtual keys in SQL: keyed hashes and what each key is good for, in the store that budgets have too.

Each change of a key gets the next number of one counter, whose row is locked until its commit: numbers become visible
in their order, and whoever knows the keys up to one number need read only those with higher ones.
"""

from __future__ import annotations

import hmac
import secrets
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from weir.keys.virtual import rows
from weir.keys.virtual.record import Uses, VirtualKey, VirtualKeysError
from weir.keys.virtual.rows import KEYS, STATE, USES, Issued, columns, issued_of, micros, uses_of
from weir.sqlstore import SqlStore

__all__ = ["Changes", "Issued", "KeyStore", "fingerprint"]


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed. ``whole``: these are all keys there are, and others are gone."""

    mark: tuple[str, int]  # store, number of the last change
    keys: Sequence[Issued]
    whole: bool


class KeyStore(SqlStore):
    """Thread-safe; every call blocks, for the store's timeout at most. Raises VirtualKeysError."""

    NOUN, TABLES, LAYOUT = "the store of virtual keys", rows.META, rows.LAYOUT
    ERROR = ROW_ERROR = VirtualKeysError

    @classmethod
    def of(cls, where: Path | str, hmac_key: bytes, timeout_s: float) -> KeyStore:
        """The store in the file ``where`` (made with mode 0600) or at a ``postgresql://`` URL, made at first use.

        Raises VirtualKeysError; also when its hashes were made with another key than ``hmac_key``.
        """
        if isinstance(where, Path) and where.exists() and where.stat().st_mode & 0o077:
            mode = stat.S_IMODE(where.stat().st_mode)
            raise VirtualKeysError(f"{where}: is open to other users (mode {mode:04o}); run: chmod 600 {where}")
        store = cls.open(where, timeout_s)
        try:
            store.run(lambda connection: store._claim(connection, fingerprint(hmac_key)))
        except BaseException:
            store.close()
            raise
        return store

    def _claim(self, connection: Connection, made_with: str) -> None:
        self.add(connection, STATE, {"id": 1, "store": secrets.token_hex(8), "hmac": made_with, "changes": 0})
        if connection.execute(select(STATE.c.hmac)).scalar_one() != made_with:
            raise VirtualKeysError(
                "the store of virtual keys was made with another data directory's key: copy its "
                "secrets/virtual-keys.key into this one"
            )

    def changes(self, since: tuple[str, int] | None) -> Changes | None:
        """What changed after ``since`` (the ``mark`` of what is known); None when nothing did."""

        def work(connection: Connection) -> Changes | None:
            row = connection.execute(select(STATE.c.store, STATE.c.changes)).one()
            mark = (row.store, row.changes)
            if mark == since:
                return None
            whole = since is None or since[0] != row.store or since[1] > row.changes
            wanted = select(KEYS) if whole or since is None else select(KEYS).where(KEYS.c.changed > since[1])
            return Changes(mark, [issued_of(found) for found in connection.execute(wanted)], whole)

        return self.read(work)

    def every(self) -> list[tuple[Issued, Uses]]:
        """All keys and how they were used, the oldest first."""

        def work(connection: Connection) -> list[tuple[Issued, Uses]]:
            joined = select(KEYS, *(column for column in USES.c if column.name != "id")).join_from(
                KEYS, USES, KEYS.c.id == USES.c.id, isouter=True
            )
            rows = connection.execute(joined.order_by(KEYS.c.created, KEYS.c.id))
            return [(issued_of(row), uses_of(row)) for row in rows]

        return self.read(work)

    def put(self, keys: Iterable[Issued]) -> tuple[int, int]:
        """Add these keys; of those that are there only a revocation is taken over. How many were added, and changed."""
        wanted = list(keys)

        def work(connection: Connection) -> tuple[int, int]:
            number, added, changed = _next(connection), 0, 0
            for one in wanted:
                if self.add(connection, KEYS, {**columns(one), "changed": number}):
                    added += 1
                elif one.record.revoked is not None:
                    revoked = update(KEYS).where(KEYS.c.id == one.record.id, KEYS.c.revoked.is_(None))
                    values = {"revoked": micros(one.record.revoked), "changed": number}
                    changed += connection.execute(revoked.values(values)).rowcount
            return added, changed

        return self.run(work)

    def clear(self) -> None:
        """Take out all keys: they are in another store now. Whoever follows this one learns that they are gone."""

        def work(connection: Connection) -> None:
            _next(connection)
            connection.execute(update(STATE).values(store=secrets.token_hex(8)))
            for table in (KEYS, USES):
                connection.execute(delete(table))

        self.run(work)

    def revoke(self, key_id: str, at: datetime) -> VirtualKey | None:
        """Revoke the key with this id; its record as it was before, None when there is none."""

        def work(connection: Connection) -> VirtualKey | None:
            number = _next(connection)
            row = connection.execute(select(KEYS).where(KEYS.c.id == key_id)).first()
            if row is not None and row.revoked is None:
                values = {"revoked": micros(at), "changed": number}
                connection.execute(update(KEYS).where(KEYS.c.id == key_id).values(values))
            return None if row is None else issued_of(row).record

        return self.run(work)

    def rotate(self, key_id: str, digest: str, at: datetime, until: datetime) -> VirtualKey | None:
        """From now on the key is found by ``digest``, and by its hash of before until ``until``.

        Returns the new record, None when there is no such key. Raises VirtualKeysError for one that is revoked or has
        expired.
        """

        def work(connection: Connection) -> VirtualKey | None:
            number = _next(connection)
            row = connection.execute(select(KEYS).where(KEYS.c.id == key_id)).first()
            if row is None:
                return None
            record = issued_of(row).record
            if row.hash == digest:  # done already: the connection broke after its commit
                return record
            if record.state(at) != "active":
                raise VirtualKeysError(f"{key_id} is {record.state(at)}; make a new key instead")
            values = {"hash": digest, "old_hash": row.hash, "old_until": micros(until), "rotated": micros(at)}
            connection.execute(update(KEYS).where(KEYS.c.id == key_id).values({**values, "changed": number}))
            return replace(record, rotated=at)

        return self.run(work)

    def use(self, uses: Mapping[str, Uses]) -> None:
        """Add these uses, by id of the key, to those that are known."""
        kind = sqlite.insert if self.sqlite else postgresql.insert

        def work(connection: Connection) -> None:
            for key_id in sorted(uses):  # in one order, so that two processes never wait for each other for ever
                one = uses[key_id]
                row = {"id": key_id, "uses": one.count, "last": micros(one.last), "address": one.address[:64]}
                if one.old_last is not None:
                    row["old_last"] = micros(one.old_last)
                added = kind(USES).values(row)
                new: dict[str, Any] = {name: added.excluded[name] for name in row if name not in ("id", "uses")}
                new["uses"] = USES.c.uses + added.excluded.uses
                connection.execute(added.on_conflict_do_update(index_elements=["id"], set_=new))

        self.run(work)


def fingerprint(hmac_key: bytes) -> str:
    """Which key hashes are made with: 16 hex digits that tell nothing of it."""
    return hmac.digest(hmac_key, b"weir: which key is this", "sha256").hex()[:16]


def _next(connection: Connection) -> int:
    """The number of the next change. Its row stays locked until the commit."""
    connection.execute(update(STATE).values(changes=STATE.c.changes + 1))
    return int(connection.execute(select(STATE.c.changes)).scalar_one())
