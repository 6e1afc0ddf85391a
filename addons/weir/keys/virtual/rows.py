"""The tables of virtual keys, and what their rows say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Row, String, Table, Text

from weir.addresses import network
from weir.keys.virtual.record import KeyBudget, Uses, VirtualKey, VirtualKeysError

__all__ = ["KEYS", "LAYOUT", "META", "STATE", "USES", "Issued", "columns", "issued_of", "micros", "uses_of"]

META = MetaData()
LAYOUT = Table("weir_keys_layout", META, Column("version", Integer, primary_key=True, autoincrement=False))
STATE = Table(
    "weir_keys_state",
    META,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("store", String(32), nullable=False),  # another one: another store in its place
    Column("hmac", String(16), nullable=False),  # which key the hashes were made with
    Column("changes", BigInteger, nullable=False),
)
# Times are integer microseconds since 1970, UTC; lists are JSON.
KEYS = Table(
    "weir_keys",
    META,
    Column("id", String(64), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("old_hash", String(64)),  # of the key that was rotated out
    Column("old_until", BigInteger),
    Column("app", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("services", Text, nullable=False),
    Column("models", Text, nullable=False),
    Column("operations", Text, nullable=False),
    Column("networks", Text, nullable=False),
    Column("budget_unit", String(16)),
    Column("budget_amount", BigInteger),
    Column("budget_per", String(16)),
    Column("note", Text, nullable=False),
    Column("created", BigInteger),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
    Column("rotated", BigInteger),
    Column("changed", BigInteger, nullable=False),
    Index("weir_keys_changed", "changed"),
)
# Beside the keys, so that writing down uses waits for nobody who changes keys.
USES = Table(
    "weir_key_uses",
    META,
    Column("id", String(64), primary_key=True),
    Column("uses", BigInteger, nullable=False),
    Column("last", BigInteger),
    Column("address", String(64), nullable=False),
    Column("old_last", BigInteger),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("created", "expires", "revoked", "rotated")


@dataclass(frozen=True, slots=True)
class Issued:
    """A key as it is stored: its record and the keyed hashes it is found by. ``repr`` shows no hash."""

    record: VirtualKey
    digest: str
    old_digest: str | None = None
    old_until: datetime | None = None

    def __repr__(self) -> str:
        return f"Issued({self.record.id})"


def columns(one: Issued) -> dict[str, Any]:
    record, budget = one.record, one.record.budget
    return {
        "id": record.id,
        "hash": one.digest,
        "old_hash": one.old_digest,
        "old_until": micros(one.old_until),
        "app": record.app,
        "team": record.team,
        "person": record.user,
        **{name: json.dumps(getattr(record, name)) for name in ("services", "models", "operations")},
        "networks": json.dumps([str(network) for network in record.networks]),
        "budget_unit": budget.unit if budget else None,
        "budget_amount": budget.amount if budget else None,
        "budget_per": budget.per if budget else None,
        "note": record.note,
        **{name: micros(getattr(record, name)) for name in _TIMES},
    }


def issued_of(row: Row[Any]) -> Issued:
    try:
        record = VirtualKey(
            id=row.id,
            app=row.app,
            team=row.team,
            user=row.person,
            services=_list(row.services),
            models=_list(row.models),
            operations=_list(row.operations),
            networks=tuple(map(network, _list(row.networks))),
            budget=KeyBudget(row.budget_unit, row.budget_amount, row.budget_per) if row.budget_unit else None,
            note=row.note,
            **{name: _date(getattr(row, name)) for name in _TIMES},
        )
        if any(len(bytes.fromhex(digest)) != 32 for digest in (row.hash, row.old_hash) if digest is not None):
            raise ValueError
        return Issued(record, row.hash, row.old_hash, _date(row.old_until))
    except (TypeError, ValueError):
        raise VirtualKeysError("the store of virtual keys is damaged; restore it from a backup") from None


def uses_of(row: Row[Any]) -> Uses:
    return Uses(row.uses or 0, _date(row.last), row.address or "", _date(row.old_last))


def _list(text: str) -> tuple[str, ...]:
    if text == "[]":
        return ()
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise TypeError
    return tuple(found)


def micros(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // timedelta(microseconds=1)


def _date(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)
