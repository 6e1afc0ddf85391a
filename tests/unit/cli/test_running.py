"""Who runs on a data directory, by what it wrote itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weir.cli.running import Running, running


def say(data: Path, **values: object) -> None:
    (data / "run").mkdir(parents=True, exist_ok=True)
    told = {"pid": os.getpid(), "listen": [["127.0.0.1", 8081]], "policy": "p.yaml", "policy_hash": "ab", "started": 1}
    (data / "run" / "weir.json").write_text(json.dumps({**told, **values}))


def test_what_it_says(tmp_path: Path) -> None:
    say(tmp_path)
    assert running(tmp_path) == Running(os.getpid(), (("127.0.0.1", 8081),), "p.yaml", "ab")


def test_nobody(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    say(tmp_path, pid=ended.pid)
    assert running(tmp_path) is None


@pytest.mark.parametrize("pid", [0, -1, "x", None, 1 << 80])
def test_a_process_that_is_none(tmp_path: Path, pid: object) -> None:
    say(tmp_path, pid=pid)
    assert running(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"pid": 1}', '{"pid": 1, "listen": [1]}', "\0"])
def test_what_cannot_be_understood(tmp_path: Path, text: str) -> None:
    say(tmp_path)
    (tmp_path / "run" / "weir.json").write_text(text)
    assert running(tmp_path) is None


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ((("10.0.0.1", 3128), ("::1", 3128)), "http://10.0.0.1:3128"),
        ((("0.0.0.0", 80),), "http://127.0.0.1:80"),
        ((("::", 80),), "http://[::1]:80"),
        ((), ""),
    ],
)
def test_where_clients_reach_it(listen: tuple[tuple[str, int], ...], url: str) -> None:
    assert Running(1, listen).url == url


@pytest.mark.parametrize(
    ("host", "port", "listens", "there"),
    [
        ("127.0.0.1", 80, "127.0.0.1", True),
        ("localhost", 80, "127.0.0.1", True),
        ("proxy.example", 80, "0.0.0.0", True),
        ("127.0.0.1", 81, "127.0.0.1", False),
        ("10.0.0.9", 80, "127.0.0.1", False),
    ],
)
def test_answers_at(host: str, port: int, listens: str, there: bool) -> None:
    assert Running(1, ((listens, 80),)).answers_at(host, port) is there
