"""The servers that limits may be kept in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.servers import Server, postgresql_server, redis_server
from weir.limits.store import Store


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A running PostgreSQL; a test that stops it starts it again."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Server]:
    """A running Redis; a test that stops it starts it again."""
    with redis_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "sqlite":
        made = Store.open(tmp_path / "limits.db")
    else:
        made = Store.open(request.getfixturevalue("postgresql").url)
        made.run(lambda connection: connection.exec_driver_sql("TRUNCATE weir_accounts, weir_claims, weir_holds"))
    yield made
    made.close()
