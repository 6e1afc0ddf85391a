"""Checks of the machine, each with what makes it fail."""

from __future__ import annotations

import builtins
import importlib
import os
import socket
import time
from importlib import metadata
from pathlib import Path

import pytest

from weir.cli.address import ProxyAddress
from weir.cli.checkup import machine


def test_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.python().status == "ok"
    monkeypatch.setattr(machine, "PYTHON", (4, 0))
    assert machine.python().status == "fail"
    assert machine.python().remedy == "install Python 4.0 or later"


def test_the_pin_is_that_of_the_project() -> None:
    import tomllib

    project = Path(machine.__file__).parents[4] / "pyproject.toml"
    assert f"mitmproxy=={machine.MITMPROXY}" in tomllib.loads(project.read_text())["project"]["dependencies"]


def test_libraries() -> None:
    assert [(result.name, result.status) for result in machine.libraries()] == [
        ("mitmproxy", "ok"),
        ("hyperscan", "ok"),
        ("presidio", "ok"),
    ]


def test_another_mitmproxy_and_a_library_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError("x", name="hyper scan\x1b")

    monkeypatch.setattr(metadata, "version", lambda name: "12.3.0")
    monkeypatch.setattr(importlib, "import_module", broken)
    results = machine.libraries()
    assert [result.status for result in results] == ["fail", "fail", "fail"]
    assert results[0].remedy == "pip install mitmproxy==12.2.3"
    assert results[1].detail == "hyperscan cannot be loaded"


def test_no_mitmproxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", none)
    assert machine.libraries()[0].detail == "not installed"


@pytest.mark.parametrize("name", ["SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"])
def test_key_log(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert machine.key_log().status == "ok"
    monkeypatch.setenv(name, "keys.log")
    result = machine.key_log()
    assert (result.status, result.remedy) == ("warn", f"unset {name}")


def test_clock(tmp_path: Path) -> None:
    written = tmp_path / "segment.jsonl"
    written.write_text("")
    assert machine.clock([written]).status == "ok"
    later = time.time() + 7200
    os.utime(written, (later, later))
    result = machine.clock([written])
    assert result.status == "fail"
    assert "2.0 h behind" in result.detail
    assert machine.clock([], now_s=0.0).status == "fail"


def test_proxy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = ProxyAddress("http", "127.0.0.1", server.getsockname()[1], "ann:hunter2")
        assert machine.proxy(address, named=True).status == "ok"
    assert machine.proxy(address, named=True).status == "fail"
    result = machine.proxy(address, named=False)
    assert result.status == "warn"
    assert "hunter2" not in builtins.repr(result)
