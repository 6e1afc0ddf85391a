"""The servers that limits may be kept in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.servers import Server, postgresql_server, redis_server


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
