"""A store of virtual keys in a file, and in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.servers import Server, postgresql_server
from weir.keys.virtual import VirtualKeys

HMAC_KEY = bytes(range(32))


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., VirtualKeys]:
    """Open the keys of this test's file; each time as another process would."""

    def open_again(where: Path | str = tmp_path / "limits.db", **more: Any) -> VirtualKeys:
        return VirtualKeys(where, HMAC_KEY, **more)

    return open_again


@pytest.fixture
def keys(opened: Callable[..., VirtualKeys]) -> VirtualKeys:
    return opened()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql_server() as running:
        yield running


@pytest.fixture
def postgresql(server: Server) -> Server:
    """A server without keys in it."""
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return server
