"""One store in memory for all tests of views; each finds it empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness.memorystore import MemoryStore


@pytest.fixture(scope="session")
def memory_store() -> Iterator[MemoryStore]:
    made = MemoryStore()
    yield made
    made.connection.close()


@pytest.fixture
def told(memory_store: MemoryStore) -> Iterator[MemoryStore]:
    yield memory_store
    memory_store.clear()


@pytest.fixture
def written(told: MemoryStore) -> Callable[..., MemoryStore]:
    """Write records and give the store to ask."""
    return told.write
