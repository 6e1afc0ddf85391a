"""Tests and weir compiled once a run, in a tree that has not been run yet: each worker begins with another part.

All workers import all tests, and begin at the same time with the same ones: without this each would compile them all,
which takes longer than to run some hundred. What they write is what pytest and Python themselves would have written.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

__all__ = ["compile_all", "compile_mine"]


def compile_mine(config: pytest.Config, root: Path) -> None:
    """Compile what has to be, from this worker's part on to the one before it."""
    if sys.dont_write_bytecode:
        return
    paths = sorted([*(root / "tests").rglob("*.py"), *(root / "addons").rglob("*.py")])
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    begin = int(worker.removeprefix("gw")) * len(paths) // int(workers)
    compile_all(config, paths[begin:] + paths[:begin])


def compile_all(config: pytest.Config, paths: Iterable[Path]) -> None:
    """Compile those whose compiled file is missing or older."""
    state = config.stash[rewrite.assertstate_key]
    for path in paths:
        tested = path.name.startswith("test_") or path.name == "conftest.py"
        compiled = (
            rewrite.get_cache_dir(path) / (path.name[:-3] + rewrite.PYC_TAIL)
            if tested
            else Path(importlib.util.cache_from_source(str(path)))
        )
        if _fresh(path, compiled):
            continue
        try:
            if not tested:
                py_compile.compile(str(path), doraise=True)
            elif rewrite.try_makedirs(compiled.parent):
                stat, code = rewrite._rewrite_test(path, config)
                rewrite._write_pyc(state, code, stat, compiled)
        except (SyntaxError, py_compile.PyCompileError, OSError):
            continue  # whoever needs it says so, or compiles it for itself


def _fresh(path: Path, compiled: Path) -> bool:
    try:
        return compiled.stat().st_mtime >= path.stat().st_mtime
    except FileNotFoundError:
        return False
