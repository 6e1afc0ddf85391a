"""Where the ledger is kept: its tables in an SQLite file by default, in PostgreSQL by URL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

from weir.sqlstore import SqlStore, StoreError

__all__ = ["ACCOUNTS", "CLAIMS", "HOLDS", "LedgerError", "RequestError", "Store"]

_META = MetaData()
_LAYOUT = Table("weir_layout", _META, Column("version", Integer, primary_key=True, autoincrement=False))
ACCOUNTS = Table(
    "weir_accounts",
    _META,
    Column("id", Text, primary_key=True),
    Column("budget", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("unit", String(16), nullable=False),
    Column("starts", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("warned", Integer, nullable=False),  # 1 once somebody has been told
    Index("weir_accounts_ends", "ends"),
)
CLAIMS = Table(
    "weir_claims",
    _META,
    Column("id", Text, primary_key=True),
    Column("state", String(8), nullable=False),  # held | released | settled
    Column("expires", BigInteger, nullable=False),
    Index("weir_claims_expires", "expires"),
)
# One row an account that a claim draws on. It counts while its time has not come: what a killed process held is free
# from then on without anybody having to clear it away. An ``expires`` of 0 is for good, whatever a clock says later.
HOLDS = Table(
    "weir_holds",
    _META,
    Column("claim", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("weir_holds_live", "account", "expires", "amount"),
)


class LedgerError(StoreError):
    """The ledger cannot be used: what goes on is for ``on_failure``. One line, without address or password."""


class RequestError(LedgerError):
    """The ledger can be used, but not for this: what is asked with it in one transaction may go through without it."""


class Store(SqlStore):
    """The ledger's transactions. Raises LedgerError."""

    NOUN, TABLES, LAYOUT, ERROR, ROW_ERROR = "the ledger", _META, _LAYOUT, LedgerError, RequestError
