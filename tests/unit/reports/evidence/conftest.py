"""A data directory and a folder made of it, once for all tests here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.evidencesite import Site, build
from weir.reports.evidence.folder import Made, make


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The data directory; not to be changed."""
    return build(tmp_path_factory.mktemp("evidence") / "data")


@pytest.fixture(scope="session")
def whole(site: Site, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    """A folder and what making it said; not to be changed."""
    out = tmp_path_factory.mktemp("folders") / "whole"
    return out, make(site.order(out))


@pytest.fixture
def folder(whole: tuple[Path, Made], tmp_path: Path) -> Path:
    """A copy of the folder, to do something to."""
    return Path(shutil.copytree(whole[0], tmp_path / "folder"))
