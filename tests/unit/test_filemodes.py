"""What weir keeps private is not used once others can get at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.datadir import DataDir, DataDirError
from weir.filemodes import look
from weir.tls.ca import ensure_ca


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = DataDir(tmp_path / "data")
    ensure_ca(made.ca)
    made.secret("sample")
    assert made.proxy_id
    (made.path / "limits.db").touch(0o644)
    return made.path


def test_a_new_one_is_fine(data: Path) -> None:
    look(data)
    (data / "secrets" / "link.key").symlink_to("/etc/hostname")
    look(data)


@pytest.mark.parametrize(
    ("name", "mode", "remedy"),
    [
        ("ca/weir-ca.key", 0o640, "chmod 600"),
        ("ca/weir-ca.key", 0o604, "chmod 600"),
        ("secrets/sample.key", 0o644, "chmod 600"),
        ("ca/weir-ca.pem", 0o666, "chmod go-w"),
        ("limits.db", 0o660, "chmod go-w"),
    ],
)
def test_what_is_open_is_refused_with_a_remedy(data: Path, name: str, mode: int, remedy: str) -> None:
    (data / name).chmod(mode)
    with pytest.raises(DataDirError, match=f"{remedy} .*{Path(name).name}"):
        look(data)


def test_databases_in_a_directory_that_was_opened(data: Path) -> None:
    data.chmod(0o755)
    with pytest.raises(DataDirError, match=r"chmod 600 .*limits\.db"):
        look(data)
    (data / "limits.db").chmod(0o600)
    look(data)
