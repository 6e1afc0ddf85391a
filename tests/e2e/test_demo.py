"""``weir demo`` as people run it: everything real but the providers."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.processes import ROOT, until
from harness.weir import share_compiled

SECONDS_MAX = 90  # it takes 5 on an idle machine; the tests share theirs


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "addons"), "COLUMNS": "80"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment(), timeout=SECONDS_MAX
    )


def traces_of(folder: str) -> list[str]:
    """Command lines of running processes that name ``folder``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it has just ended
            continue
        if folder in line:
            found.append(line)
    return found


@pytest.mark.really_new
def test_demo(artefacts: Path) -> None:
    data = artefacts / "data"
    share_compiled(data)
    done = run("-m", "weir.cli", "demo", "--data", str(data))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    marks = re.findall(r"^(\d+) (\w+) ", done.stdout, re.MULTILINE)
    assert [number for number, word in marks if word == "ok"] == [str(number) for number in range(1, 12)]
    assert "24 exchanges, each as its scene says" in done.stdout
    assert traces_of(str(data)) == []
    asked = run("-m", "weir.cli", "audit", "sql", "SELECT count(*) AS n FROM exchanges", "--data", str(data))
    assert asked.stdout.split() == ["n", "24"]
    # Nothing of what the scenes send stands in what weir wrote.
    for path in data.rglob("*"):
        if path.is_file():
            written = path.read_bytes()
            assert b"jane.doe@example.org" not in written and b"fish ladder" not in written, path
    (artefacts / "stdout").write_text(done.stdout)


def test_a_demo_that_differs_fails(artefacts: Path) -> None:
    share_compiled(artefacts / "data")
    done = run(str(ROOT / "tests" / "harness" / "wrongdemo.py"), str(artefacts / "data"))
    assert done.returncode == 1, done.stdout + done.stderr
    marks = re.findall(r"^(\d+) (\w+) ", done.stdout, re.MULTILINE)
    assert marks == [("1", "ok"), ("2", "differs"), ("3", "differs")]  # the third is the store
    assert "rule is nothing, not nobody-wrote-this" in done.stdout and "the provider got no stand-in" in done.stdout
    assert "Something differs" in done.stdout


# Python ends by the signal itself when it arrived within code made at run time (a dataclass of a library in the middle
# of its import); a shell calls both 130.
@pytest.mark.parametrize(
    ("number", "codes"), [(signal.SIGINT, {130, -signal.SIGINT}), (signal.SIGKILL, {-signal.SIGKILL})]
)
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, number: int, codes: set[int]) -> None:
    data, out = tmp_path / "data", tmp_path / "stdout"
    share_compiled(data)
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # as in a background job: then a new Python it must be
    with out.open("wb") as file:
        demo = subprocess.Popen(
            [sys.executable, "-m", "weir.cli", "demo", "--data", str(data)],
            stdout=file,
            stderr=subprocess.PIPE,
            env={**environment(), "TMPDIR": str(tmp_path)},  # a killed demo cannot clear its folder away
            start_new_session=True,
            preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) if ignored else None,
        )
    try:
        found = until(
            lambda: re.search(r"http://127\.0\.0\.1:(\d+)", out.read_text()), "the proxy's address", seconds=60
        )
        assert traces_of(str(data)), "weir does not run where the test looks for it"
        demo.send_signal(number)
        _, stderr = demo.communicate(timeout=60)
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode in codes
    assert b"Traceback" not in stderr
    # A demo that was killed can wait for nobody: its children notice by themselves.
    until(lambda: not traces_of(str(data)), "the end of everything that the demo started")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(found[1])), timeout=60)
