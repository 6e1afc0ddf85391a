"""The wheel stands alone: its command runs and its data files are in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from harness.processes import ROOT

DATA = (".yaml", ".html", ".css", ".js", ".sql", ".typed", ".json")


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd="/", env={**environment, **variables}, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: setuptools leaves its workings beside the source."""
    source = tmp_path_factory.mktemp("wheel") / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    for name in ("addons", "policies"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    out = source.parent / "dist"
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, source)
    return next(out.glob("*.whl"))


def test_every_module_and_data_file_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    top = ROOT / "addons"
    wanted = {
        str(path.relative_to(top))
        for path in (top / "weir").rglob("*")
        if path.suffix in (".py", *DATA) and "__pycache__" not in path.parts
    }
    assert wanted - inside == set()
    assert any(name.endswith(".yaml") for name in wanted)


@pytest.mark.timeout(180)
def test_the_installed_command_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")  # a pip of its own takes 5 s
    run(*pip, "install", "--no-deps", "--no-index", "--no-compile", wheel)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    # What weir depends on is taken from here: this test is about weir's own files, not about downloading.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run(python, "-P", "-c", "import weir; print(weir.__file__)").stdout
    assert where.startswith(str(packages))
    weir = home / "bin" / "weir"
    assert "run" in run(weir, "--help").stdout
    for name in ("observe", "enforce"):
        run(weir, "check", ROOT / "policies" / f"{name}.yaml")
