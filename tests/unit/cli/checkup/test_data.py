"""Checks of the data directory, each with what makes it fail."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from weir.cli.checkup import data as checks
from weir.datadir import DataDir
from weir.tls.ca import ensure_ca
from weir.usage import encodings
from weir.usage.encodings import Encodings, Vocabulary


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    directory = DataDir(tmp_path / "data")
    directory.secret("fingerprint")
    ensure_ca(directory.ca)
    return directory


def test_a_sound_directory(data: DataDir) -> None:
    (result,) = checks.directory(data.path)
    assert result.status == "ok"


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    (result,) = checks.directory(tmp_path / "data")
    assert result.status == "warn"
    assert not (tmp_path / "data").exists()
    (tmp_path / "data").write_text("")
    assert checks.directory(tmp_path / "data")[0].status == "fail"


@pytest.mark.parametrize(
    ("name", "mode", "remedy"),
    [
        ("ca/weir-ca.key", 0o640, "chmod 600"),
        ("secrets/fingerprint.key", 0o604, "chmod 600"),
        ("ca", 0o770, "chmod go-w"),
        (".", 0o707, "chmod go-w"),
    ],
)
def test_loose_modes_are_named_with_the_command_that_mends_them(
    data: DataDir, name: str, mode: int, remedy: str
) -> None:
    path = data.path / name
    path.chmod(mode)
    (result,) = checks.directory(data.path)
    assert (result.status, result.remedy) == ("fail", f"{remedy} {path}")


def test_somebody_elses_directory(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: data.path.stat().st_uid + 1)
    assert [result.status for result in checks.directory(data.path)] == ["fail"]


def test_a_sound_ca(data: DataDir) -> None:
    assert checks.authority(data.path).status == "ok"


def test_no_ca_is_not_made(tmp_path: Path) -> None:
    assert checks.authority(tmp_path).status == "warn"
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_ca(data: DataDir) -> None:
    (data.ca / "weir-ca.key").write_text("-----BEGIN hunter2")
    result = checks.authority(data.path)
    assert result.status == "fail"
    assert "hunter2" not in result.detail


def test_lost_public_copies_are_told_and_not_made(data: DataDir) -> None:
    (data.ca / "weir-ca.pem").unlink()
    assert checks.authority(data.path).status == "warn"
    assert not (data.ca / "weir-ca.pem").exists()


def test_a_ca_that_ends_soon(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=10) + (ends - datetime(2000, 1, 31, tzinfo=UTC))

    ends = ensure_ca(data.ca).expires
    monkeypatch.setattr(checks, "datetime", Later)
    result = checks.authority(data.path)
    assert (result.status, result.detail) == ("warn", "expires in 20 days")


def test_tokenizers(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"vocabulary"
    vocabulary = Vocabulary("base", "https://vendor.example/base", hashlib.sha256(content).hexdigest())
    table = Encodings({"base": vocabulary}, (), encodings.load_encodings().default)
    monkeypatch.setattr(encodings, "load_encodings", lambda: table)
    monkeypatch.setattr("weir.places.shared_tokenizers", lambda: data.path / "nothing here")
    assert checks.tokenizers(data.path).status == "warn"
    path = data.tokenizers / vocabulary.file_name
    path.write_bytes(b"something else")
    result = checks.tokenizers(data.path)
    assert (result.status, result.remedy) == ("warn", "weir tokenizers fetch")
    path.write_bytes(content)
    assert checks.tokenizers(data.path).status == "ok"
