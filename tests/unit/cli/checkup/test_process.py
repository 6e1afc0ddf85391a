"""Checks of the weir that runs on a data directory."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from weir.cli.checkup import process
from weir.cli.running import Running


def test_whether_one_runs(tmp_path: Path) -> None:
    assert process.present(tmp_path, None).status == "warn"
    result = process.present(tmp_path, Running(7, (), "p.yaml", "abcdef0123456789"))
    assert (result.status, result.detail) == ("ok", "process 7, policy abcdef012345")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weir.json").write_text(json.dumps({"pid": 1}))
    killed = process.present(tmp_path, None)
    assert killed.status == "warn" and "without saying so" in killed.detail


def test_its_policy_is_named_from_where_it_started(tmp_path: Path) -> None:
    assert process.policy_file(Running(os.getpid(), (), str(tmp_path / "p.yaml"))) == tmp_path / "p.yaml"
    assert process.policy_file(Running(os.getpid(), (), "p.yaml")) == Path.cwd() / "p.yaml"
    assert process.policy_file(Running(os.getpid(), ())) is None
    assert process.policy_file(Running(2**22 + 1, (), "p.yaml")) == Path("p.yaml"), "no such process"


def test_a_changed_policy_is_a_warning(tmp_path: Path) -> None:
    result = process.changed(tmp_path / "p.yaml", Running(7, (), "p.yaml", "ab" * 32))
    assert result.status == "warn" and "abababababab" in result.detail


def test_addresses_are_those_of_this_machine_each_once() -> None:
    listen = (("0.0.0.0", 8080), ("127.0.0.1", 8080), ("::", 8080), ("10.0.0.7", 1080))
    assert [place.place for place in process.addresses(Running(7, listen))] == [
        "127.0.0.1:8080",
        "[::1]:8080",
        "10.0.0.7:1080",
    ]


def test_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not process.held(path)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    assert not process.held(path)
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert process.held(path)
    os.close(fd)
    assert not process.held(path)
