"""A whole audit, made once, and copies of it to spoil."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.sealedaudit import SealedAudit, Spoiled, whole


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> SealedAudit:
    """Not to be changed."""
    return whole(tmp_path_factory.mktemp("sealed"))


@pytest.fixture(scope="session")
def spoiled_audit(sealed: SealedAudit, tmp_path_factory: pytest.TempPathFactory) -> Spoiled:
    """A copy of its data directory."""
    return Spoiled(sealed.data.path, tmp_path_factory.mktemp("spoiled") / "data")


@pytest.fixture
def data(spoiled_audit: Spoiled) -> Iterator[Path]:
    """The copy, for one test."""
    yield spoiled_audit.path
    spoiled_audit.mend()
