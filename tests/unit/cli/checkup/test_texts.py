"""What doctor says of kept texts: keys, modes, the writer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weir.audit.content.kek import load, new_line
from weir.cli.checkup import Result
from weir.cli.checkup.texts import texts, told
from weir.datadir import DataDir
from weir.settings import loads


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return DataDir(tmp_path / "data").path


def look(data: Path, content: str = "{keep: full}", running: dict[str, object] | None = None) -> list[Result]:
    return list(texts(loads(f"version: 1\naudit: {{content: {content}}}"), data, running))


def test_nothing_is_said_where_nothing_is_kept(data: Path) -> None:
    assert look(data, "{keep: off}") == [] and told(data) is None


def test_the_key_file(data: Path) -> None:
    assert "no content key yet" in look(data)[0].detail
    load(DataDir(data).secrets / "content.keys", create=True)
    (result,) = look(data)
    assert result.status == "warn" and "same directory" in result.detail
    (DataDir(data).content / "keys").write_bytes(b"x" * 256)
    (data / "content" / "keys").chmod(0o640)
    assert [result.status for result in look(data)] == ["fail", "warn"]
    (data / "content" / "keys").chmod(0o600)
    (data / "secrets" / "content.keys").unlink()
    (result,) = look(data)
    assert result.status == "fail" and "missing" in result.detail
    assert "any more" in look(data, "{keep: off}")[0].detail


def test_a_backend(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = '{keep: full, key: "env:CONTENT_KEY"}'
    monkeypatch.setenv("CONTENT_KEY", new_line().strip())
    assert look(data, section)[0].status == "ok"
    monkeypatch.setenv("CONTENT_KEY", f"{new_line().strip()},{new_line().strip()}")
    assert "rotation" in look(data, section)[0].detail
    monkeypatch.delenv("CONTENT_KEY")
    assert look(data, section)[0].status == "fail"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"healthy": True, "refused": "", "lag": 0}, "ok"),
        ({"healthy": True, "refused": "", "lag": 5000}, "warn"),
        ({"healthy": False, "refused": "No space left on device", "lag": 0}, "fail"),
    ],
)
def test_the_running_writer(data: Path, said: dict[str, object], status: str) -> None:
    (DataDir(data).run / "content.json").write_text(json.dumps(said))
    load(DataDir(data).secrets / "content.keys", create=True)
    assert look(data, running=told(data))[-1].status == status
