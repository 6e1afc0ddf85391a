"""What tests measure and make with is itself right."""

from __future__ import annotations

import gc
import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import hyperscan
import pytest

from harness import quieter
from harness.bombs import gzip_bomb
from harness.effort import within
from harness.patterns import Kept
from harness.processes import ROOT
from weir.dlp.core import compiled
from weir.dlp.core.compiled import digest_of


def spend(seconds: float) -> str:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        assert not gc.isenabled()
    return "done"


def test_what_takes_too_long_each_time_is_told() -> None:
    assert within(5, lambda: spend(0.01)) == "done"
    with pytest.raises(AssertionError, match=r"of the processor's time, not 0\.01 s"):
        within(0.01, lambda: spend(0.02))
    assert gc.isenabled()


def test_one_quick_try_of_several_is_enough() -> None:
    slow = iter([0.2, 0.2, 0.0])
    assert within(0.1, lambda: spend(next(slow))) == "done"
    assert list(slow) == []


@pytest.mark.parametrize("byte", [b"\0", b" "])
def test_a_bomb_is_one_gzip_member(byte: bytes) -> None:
    packed = gzip_bomb(3, byte)
    assert gzip.decompress(packed) == byte * (3 << 20) and len(packed) < 10_000
    assert packed.count(b"\x1f\x8b\x08") == 1


def test_workers_share_what_takes_long_to_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {number: (b"word%d" % number, 0) for number in range(150)}
    few = {1: (b"word", 0)}
    monkeypatch.setattr(compiled, "_in_use", Kept(tmp_path))
    made = [compiled.compiled(one) for one in (many, few)]
    assert [path.name for path in tmp_path.iterdir()] == [digest_of(many).hex()]
    monkeypatch.setattr(compiled, "_in_use", other := Kept(tmp_path))  # as in another worker
    assert other.get(digest_of(few)) is None
    monkeypatch.setattr(compiled, "_compile", lambda _: pytest.fail("compiled again"))
    found = compiled.compiled(many)
    assert found.accepted == made[0].accepted == frozenset(range(150))
    hits: list[int] = []
    assert found.database is not None
    scratch = hyperscan.Scratch(found.database)
    found.database.scan(b"a word149", match_event_handler=lambda number, *_: hits.append(number), scratch=scratch)
    assert 149 in hits


@pytest.mark.parametrize(
    ("event", "changes", "said"),
    [
        ("testreport", {}, False),
        ("testreport", {"when": "teardown"}, False),
        ("testreport", {"when": "call"}, True),
        ("testreport", {"duration": 0.1}, True),
        ("testreport", {"outcome": "failed"}, True),
        ("testreport", {"outcome": "skipped"}, True),
        ("testreport", {"sections": [("Captured stdout setup", "x")]}, True),
        ("logfinish", {}, True),
    ],
)
def test_a_worker_does_not_say_that_nothing_happened(event: str, changes: dict[str, object], said: bool) -> None:
    report = {"when": "setup", "outcome": "passed", "duration": 0.001, "sections": [], **changes}
    assert quieter.worth_saying(event, {"data": report}) is said


LEAVES = """
import atexit, os, sys
from types import SimpleNamespace
from harness import quieter
class Late:
    def __del__(self):
        print("taken apart")
late = Late()
quieter.leave_at_once(SimpleNamespace(**{sys.argv[1]: {}}))
atexit.register(print, "as was wanted")
if os.fork() == 0:
    sys.exit(7)
print("child", os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.parametrize("which", ["workerinput", "nothing"])
def test_a_worker_ends_at_once_when_what_was_wanted_is_done(which: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run([sys.executable, "-c", LEAVES, which], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    # The child is no worker: it is taken apart as ever, and has its own code.
    parent = lines[lines.index("child 7") :]
    assert parent == ["child 7", "as was wanted", *(["taken apart"] if which == "nothing" else [])]
