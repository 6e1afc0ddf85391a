"""``python -m weir.audit.ingester`` is the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.processes import ROOT


@pytest.mark.really_new
def test_it_is_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "weir.audit.ingester", "--help"],
        env={"PYTHONPATH": str(ROOT / "addons")}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and "--watch-stdin" in done.stdout
