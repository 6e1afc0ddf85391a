"""A tethered process runs as it would alone, and ends when its parent's end of stdin closes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.processes import ROOT


@pytest.fixture
def tethered(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    source = "import sys, time\nprint(__name__, sys.argv[1:], flush=True)\nif sys.argv[1:]:\n    time.sleep(60)\n"
    (tmp_path / "acting.py").write_text(source)
    path = os.pathsep.join([str(ROOT / "addons"), str(tmp_path)])

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "weir.demo.tether", "acting", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    return start


def test_it_runs_as_a_program_and_ends_by_itself(tethered: Callable[..., subprocess.Popen[str]]) -> None:
    child = tethered()
    assert child.stdout
    assert child.stdout.read() == "__main__ []\n"
    assert child.wait(20) == 0


def test_it_ends_with_the_other_end_of_stdin(tethered: Callable[..., subprocess.Popen[str]]) -> None:
    child = tethered("--stay")
    assert child.stdout and child.stdin
    assert child.stdout.readline() == "__main__ ['--stay']\n"
    child.stdin.close()
    assert child.wait(20) == -signal.SIGTERM
