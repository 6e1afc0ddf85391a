"""A process that is frugal has two heaps however many threads it has, and gives back what it no longer needs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from harness.processes import ROOT
from weir.edge.process import reload as reload_module
from weir.edge.process.allocator import frugal, give_back

GLIBC = platform.libc_ver()[0] == "glibc"
HEAPS = """
import ctypes, os, sys, tempfile, threading
from weir.edge.process import allocator
if sys.argv[1] == "frugal":
    assert allocator.frugal() is (sys.argv[2] == "glibc")
barrier = threading.Barrier(12)
def work():
    kept = [bytes(5000) for _ in range(50)]
    barrier.wait(30)
    return kept
threads = [threading.Thread(target=work) for _ in range(12)]
[one.start() for one in threads], [one.join() for one in threads]
libc = ctypes.CDLL(None)
if sys.argv[2] == "glibc":
    libc.fdopen.restype = ctypes.c_void_p
    with tempfile.TemporaryFile() as file:
        stream = ctypes.c_void_p(libc.fdopen(os.dup(file.fileno()), b"w"))
        libc.malloc_info(0, stream), libc.fclose(stream)
        file.seek(0)
        print(file.read().count(b"<heap "))
else:
    print(0)
"""


def heaps(how: str, **environment: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", HEAPS, how, "glibc" if GLIBC else "other"],
        env={"PYTHONPATH": str(ROOT / "addons"), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_two_heaps_for_many_threads() -> None:
    assert heaps("frugal") <= 2
    assert heaps("as it comes") > 2 or not GLIBC


@pytest.mark.parametrize(
    "environment",
    [{"MALLOC_ARENA_MAX": "6"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=6"}],
    ids=lambda env: next(iter(env)),
)
def test_what_an_operator_sets_stays(environment: dict[str, str]) -> None:
    assert heaps("frugal", **environment) > 2 or not GLIBC


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _name: object())
    assert not frugal() and not give_back()


def test_memory_is_given_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not GLIBC:
        assert not give_back()
        return
    held = [bytes(60_000) for _ in range(1000)]
    last = bytes(60_000)  # above all of it: the heap's end does not go back by itself
    before = resident()
    del held
    give_back()
    assert resident() < before - 30_000_000 and last


def test_after_a_reload_it_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Mock()
    monkeypatch.setattr(reload_module, "give_back", engine.give_back)
    reload_module._end(engine)
    assert [name for name, *_ in engine.mock_calls] == ["close", "give_back"]
