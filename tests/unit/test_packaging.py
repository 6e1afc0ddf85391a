"""The service file is one that systemd understands, and hardened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"


@pytest.mark.needs("systemd-analyze")
def test_systemd_takes_the_service(tmp_path: Path) -> None:
    text = (PACKAGING / "weir.service").read_text()
    made = tmp_path / "weir.service"
    made.write_text(text.replace("/usr/local/bin/weir", sys.executable))  # it must be there
    done = subprocess.run(["systemd-analyze", "verify", made], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "weir.service" not in done.stderr, done.stderr
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", made],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert rated.returncode == 0, rated.stdout[-300:]  # exposure of 2.0 at most, of 10


def test_the_service_leaves_weir_its_own_bound_on_dumps() -> None:
    """A crash's memory goes to programs that collect it unless the bound is 1, see ``core(5)``: weir sets that, if it
    may, for all that it starts."""
    text = (PACKAGING / "weir.service").read_text()
    (allowed,) = (line.partition("=")[2] for line in text.splitlines() if line.startswith("LimitCORE="))
    under = f"import resource; resource.setrlimit(resource.RLIMIT_CORE, ({allowed}, {allowed}))"
    then = "from weir.edge.process.dumps import forbid_dumps; forbid_dumps()"
    child = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    show = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    environment = {"PYTHONPATH": str(PACKAGING.parent / "addons")}
    done = subprocess.run(
        [sys.executable, "-c", f"{under}; {then}; {show}"], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.stdout == "(1, 1)\n", done.stdout + done.stderr


def test_the_container_has_no_root_and_no_index() -> None:
    text = (PACKAGING / "Containerfile").read_text()
    stage = text.rpartition("FROM ")[2]
    assert "USER 10001" in stage and "index" not in text and "--require-hashes" in text
