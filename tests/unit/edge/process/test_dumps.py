"""A process that forbade dumps leaves none when it crashes, and neither do those that it starts."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from harness.processes import ROOT

CRASH = "import os; os.abort()"
PREPARED = "from weir.edge.process.dumps import forbid_dumps; forbid_dumps();"
SECOND = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CRASH!r}])"
PR_GET_DUMPABLE = 3
ASK = f"import ctypes, sys; assert sys.platform != 'linux' or ctypes.CDLL(None).prctl({PR_GET_DUMPABLE}) == 0"


def run(code: str, folder: Path) -> int:
    def allow() -> None:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "addons")},
        preexec_fn=allow,
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize("code", [CRASH, SECOND], ids=["itself", "what it starts"])
def test_no_core(code: str, tmp_path: Path) -> None:
    run(PREPARED + code, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_attaches(tmp_path: Path) -> None:
    assert run(PREPARED + ASK, tmp_path) == 0


def test_a_limit_that_is_lower_already_is_no_error(tmp_path: Path) -> None:
    lower = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0));"
    assert run(f"{lower}{PREPARED}", tmp_path) == 0


def test_elsewhere_it_says_that_it_cannot(tmp_path: Path) -> None:
    code = "from weir.edge.process.dumps import forbid_dumps; assert not forbid_dumps()"
    assert run(f"import sys; sys.platform = 'sunos5'; {code}", tmp_path) == 0
