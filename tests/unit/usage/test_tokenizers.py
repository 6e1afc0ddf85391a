"""Fetching vocabularies: accepted by hash alone, from wherever they come, and only once."""

import hashlib
import io
import subprocess
import tarfile
import urllib.error
import zipfile
from pathlib import Path

import pytest

from weir.usage import tokenizers
from weir.usage.encodings import Encodings, Family, Vocabulary

CONTENTS = {"one": b"IQ== 0\n", "two": b"Ig== 0\n"}


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> Encodings:
    """Two small vocabularies; the vendor out of reach; no package command that works."""
    vocabularies = {
        name: Vocabulary(name, f"https://vendor.test/{name}.tiktoken", hashlib.sha256(data).hexdigest())
        for name, data in CONTENTS.items()
    }
    table = Encodings(vocabularies, (), Family("default", (), "one", 1.0))
    monkeypatch.setattr(tokenizers, "load_encodings", lambda: table)
    monkeypatch.setattr(tokenizers.urllib.request, "urlopen", _out_of_reach)
    monkeypatch.setattr(tokenizers.subprocess, "run", _no_command)
    return table


def _out_of_reach(*_args: object, **_kwargs: object) -> None:
    raise urllib.error.URLError("no route")


def _no_command(command: list[str], **_kwargs: object) -> None:
    raise FileNotFoundError(command[0])


def _wheel(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tarball(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _delivering(monkeypatch: pytest.MonkeyPatch, pip: bytes | None, npm: bytes | None) -> list[str]:
    calls: list[str] = []

    def run(command, *, cwd: str, **_kwargs: object) -> None:
        tool = "npm" if command[0] == "npm" else "pip"
        calls.append(tool)
        data = npm if tool == "npm" else pip
        if data is None:
            raise subprocess.CalledProcessError(1, command, stderr=b"index https://user:pw@registry.test")
        (Path(cwd) / f"package-{tool}").write_bytes(data)

    monkeypatch.setattr(tokenizers.subprocess, "run", run)
    return calls


def _stored(cache: Path, table: Encodings) -> dict[str, bytes | None]:
    return {name: vocabulary.read(cache) for name, vocabulary in table.vocabularies.items()}


def test_the_vendor_is_asked_first(tmp_path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(url: str, timeout: float) -> io.BytesIO:
        assert timeout <= 5
        return io.BytesIO(CONTENTS[Path(url).stem])

    monkeypatch.setattr(tokenizers.urllib.request, "urlopen", urlopen)
    results = tokenizers.fetch(tmp_path / "cache")
    assert [(r.name, r.ok, r.source) for r in results] == [("one", True, "vendor"), ("two", True, "vendor")]
    assert _stored(tmp_path / "cache", table) == CONTENTS


def test_a_wrong_file_from_the_vendor_is_refused(tmp_path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizers.urllib.request, "urlopen", lambda _url, timeout: io.BytesIO(b"<html>"))
    results = tokenizers.fetch(tmp_path)
    assert not any(r.ok for r in results)
    assert list(tmp_path.iterdir()) == []


def test_a_vendor_that_hangs_is_left_behind(tmp_path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()
    monkeypatch.setattr(tokenizers, "_VENDOR_ANSWERS_S", 0.05)
    monkeypatch.setattr(tokenizers.urllib.request, "urlopen", lambda *_a, **_k: release.wait(10) and _out_of_reach())
    lines: list[str] = []
    results = tokenizers.fetch(tmp_path, lines.append)
    release.set()
    assert not any(r.ok for r in results)
    assert any("vendor: no answer" in line for line in lines)


def test_a_wheel_is_the_second_source(tmp_path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"lib/{table.vocabularies[n].file_name}": data for n, data in CONTENTS.items()}
    calls = _delivering(monkeypatch, _wheel({**members, "lib/other.py": b"x"}), None)
    results = tokenizers.fetch(tmp_path)
    assert {r.source for r in results} == {"PyPI package litellm"}
    assert calls == ["pip"]
    assert _stored(tmp_path, table) == CONTENTS


def test_what_one_package_lacks_the_next_one_brings(tmp_path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = _wheel({"a/one.tiktoken": CONTENTS["one"], "a/two.tiktoken": b"tampered"})
    tarball = _tarball({"package/data/two.tiktoken": CONTENTS["two"]})
    calls = _delivering(monkeypatch, wheel, tarball)
    results = tokenizers.fetch(tmp_path)
    assert [r.source for r in results] == ["PyPI package litellm", "npm package gpt-tokenizer"]
    assert calls == ["pip", "npm"]
    assert _stored(tmp_path, table) == CONTENTS


def test_the_second_call_does_nothing(tmp_path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"{n}.tiktoken": data for n, data in CONTENTS.items()}
    calls = _delivering(monkeypatch, _wheel(members), None)
    tokenizers.fetch(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    calls.clear()
    assert {r.source for r in tokenizers.fetch(tmp_path)} == {"cache"}
    assert calls == []
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before


def test_a_damaged_cache_file_is_replaced(tmp_path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / table.vocabularies["one"].file_name).write_bytes(b"half")
    _delivering(monkeypatch, _wheel({f"{n}.tiktoken": data for n, data in CONTENTS.items()}), None)
    assert all(r.ok for r in tokenizers.fetch(tmp_path))
    assert _stored(tmp_path, table) == CONTENTS


def test_all_sources_failing_is_told_without_the_tools_output(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    _delivering(monkeypatch, None, None)
    lines: list[str] = []
    results = tokenizers.fetch(tmp_path, lines.append)
    said = "\n".join([*lines, *(r.message for r in results)])
    assert not any(r.ok for r in results)
    assert "download failed, exit code 1" in said
    assert "registry.test" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_missing_tool_is_named(tmp_path) -> None:
    assert "npm is not installed" in tokenizers.fetch(tmp_path)[0].message


def test_an_archive_that_is_none_is_passed_over(tmp_path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    tarball = _tarball({f"package/data/{n}.tiktoken": data for n, data in CONTENTS.items()})
    _delivering(monkeypatch, b"not an archive", tarball)
    assert {r.source for r in tokenizers.fetch(tmp_path)} == {"npm package gpt-tokenizer"}


def test_no_half_written_file_stays(tmp_path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError("no space")

    _delivering(monkeypatch, _wheel({f"{n}.tiktoken": data for n, data in CONTENTS.items()}), None)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        tokenizers.fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []
