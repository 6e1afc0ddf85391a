"""file:/path"""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.keys.backends import SecretUnavailable
from weir.keys.backends.file import MAX_BYTES, fetch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "openai.key"
    file.touch(0o600)
    file.write_text("synthetic\n")
    return file


def test_the_file_is_read_without_outer_white_space(path: Path) -> None:
    assert fetch(str(path)) == "synthetic"
    path.chmod(0o400)
    assert fetch(str(path)) == "synthetic"


def test_a_link_is_followed_to_the_file_it_means(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    assert fetch(str(tmp_path / "link")) == "synthetic"
    path.chmod(0o644)
    with pytest.raises(SecretUnavailable, match="chmod 600"):
        fetch(str(tmp_path / "link"))


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660])
def test_a_file_open_to_others_is_refused_without_its_content(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(SecretUnavailable, match="open to other users") as caught:
        fetch(str(path))
    assert "synthetic" not in str(caught.value)


def test_what_cannot_be_a_key_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(SecretUnavailable, match="cannot be read"):
        fetch(str(tmp_path / "missing"))
    path.write_text(" \n")
    with pytest.raises(SecretUnavailable, match="is empty"):
        fetch(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SecretUnavailable, match="is not UTF-8"):
        fetch(str(path))
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(SecretUnavailable, match="larger than"):
        fetch(str(path))


def test_a_relative_path_is_not_quoted() -> None:
    for reference in ("", "openai.key", "./openai.key"):
        with pytest.raises(SecretUnavailable) as caught:
            fetch(reference)
        assert "openai.key;" not in str(caught.value)
        assert "is not an absolute path" in str(caught.value)
