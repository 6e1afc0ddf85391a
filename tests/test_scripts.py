"""scripts/weir from a checkout: set-up once, quick after, safe to interrupt and to start twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.processes import ROOT, until

CLI = """
import sys
def main():
    print("ran", *sys.argv[1:])
    return 0
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a blank in its name, the real scripts, and nothing to install."""
    root = tmp_path / "a checkout"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / "requirements.lock").write_text("# nothing\n")
    (root / "addons" / "weir" / "cli").mkdir(parents=True)
    (root / "addons" / "weir" / "__init__.py").touch()
    (root / "addons" / "weir" / "cli" / "__init__.py").write_text(CLI)
    (root / "addons" / "weir" / "cli" / "__main__.py").write_text("import sys\nfrom . import main\nsys.exit(main())\n")
    return root


def start(root: Path, *arguments: str, script: str = "weir", **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "WEIR_PYTHON": sys.executable, **variables}
    return subprocess.Popen(
        [root / "scripts" / script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd="/",
        start_new_session=True,
    )


def run(root: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    child = start(root, *arguments, **variables)
    out, err = child.communicate(timeout=100)
    return child.returncode, out, err


def test_first_start_sets_up_and_the_second_is_quick(checkout: Path) -> None:
    code, out, err = run(checkout, "a b", "c")
    assert (code, out) == (0, "ran a b c\n"), err
    assert err == "weir: first start: setting up .venv, a few minutes\n"
    begun = time.monotonic()
    assert run(checkout, "again") == (0, "ran again\n", "")
    assert start(checkout, "up", script="redirect").communicate(timeout=100) == ("ran redirect up\n", "")
    assert time.monotonic() - begun < 60
    entry = subprocess.run([checkout / ".venv" / "bin" / "weir", "x"], capture_output=True, text=True, check=False)
    assert entry.stdout == "ran x\n", entry.stderr
    (checkout / "requirements.lock").write_text("# changed\n")
    assert run(checkout)[2] == "weir: requirements changed: updating .venv\n"


def test_two_at_once_set_up_once(checkout: Path) -> None:
    pair = [start(checkout, str(number)) for number in range(2)]
    results = [child.communicate(timeout=100) for child in pair]
    assert [out for out, _ in results] == ["ran 0\n", "ran 1\n"]
    said = "".join(err for _, err in results)
    assert said.count("setting up .venv") == 1
    assert said.count("another set-up is running") == 1


def test_an_interrupted_set_up_is_begun_anew(checkout: Path) -> None:
    child = start(checkout)
    until((checkout / ".venv").exists, "the set-up to begin")
    os.killpg(child.pid, 9)
    child.communicate(timeout=60)
    code, out, err = run(checkout, "x")
    assert (code, out) == (0, "ran x\n"), err


def test_packages_that_cannot_be_installed_are_a_failure_that_says_so(checkout: Path) -> None:
    wrong = "0" * 64
    (checkout / "requirements.lock").write_text(f"./nothing.whl --hash=sha256:{wrong}\n")
    code, out, err = run(checkout)
    assert (code, out) == (1, "")
    assert err.rstrip().endswith("the packages could not be installed; all of it is in .venv/setup.log")
    (checkout / "requirements.lock").write_text("# nothing\n")
    # The Python is whole by now, and packages may be half there.
    (checkout / ".venv" / "half").touch()
    assert run(checkout)[0] == 0
    assert not (checkout / ".venv" / "half").exists(), "it begins from nothing"


def test_a_python_too_old_is_one_line(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dirname", "readlink", "cmp", "sh"):
        (tools / name).symlink_to(shutil.which(name) or "")
    old = tools / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    code, out, err = run(checkout, WEIR_PYTHON="", PATH=str(tools), HOME=str(tmp_path), PYENV_ROOT=str(tmp_path))
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert "needs Python 3.12 or newer" in err
    assert "here: Python 3.9.2" in err
