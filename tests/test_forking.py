"""A fork is to be what a new process would have been, for who starts it and for the program."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import forking
from harness.processes import ROOT, Process, until
from harness.weir import Weir, write_policy

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "addons")}
TELL = """
import json, os, resource, signal, sys
seen = {
    "argv": sys.argv, "orig_argv": sys.orig_argv[1:], "path": sys.path, "name": __name__, "file": __file__,
    "cwd": os.getcwd(), "environ": dict(os.environ), "leads": os.getsid(0) == os.getpid(),
    "cmdline": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0")[1:],
    "files": sorted(os.listdir("/proc/self/fd")),
    "core": resource.getrlimit(resource.RLIMIT_CORE), "parent": os.getppid(), "pid": os.getpid(),
    "pipe": str(signal.getsignal(signal.SIGPIPE)), "int": str(signal.getsignal(signal.SIGINT)),
    "streams": [(s.encoding, s.errors, s.line_buffering, s.write_through, s.fileno())
        for s in (sys.stdout, sys.stderr)],
    "given": sys.stdin.read(), "umask": os.umask(0), "threads": len(os.listdir("/proc/self/task")),
}
print(json.dumps(seen))
sys.stderr.write("said")
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "tell.py"
    made.write_text(TELL)
    monkeypatch.setattr(forking, "_SCRIPTS", (str(made),))
    return made


@pytest.fixture(params=["forked", "new"])
def how(request: pytest.FixtureRequest) -> Iterator[str]:
    """Once as a fork, once as a new process; which of them it was is looked at."""
    before = forking.forked
    if request.param == "new":
        with forking.really_new():
            yield "new"
    else:
        yield "forked"
    assert (forking.forked > before) is (request.param == "forked")


def _told(script: Path, code: int, **more: Any) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(script), str(code), "two words"],
        **{"capture_output": True, "text": True, "input": "given", "env": ENVIRONMENT, **more},
    )
    assert (done.returncode, done.stderr) == (code, "said")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("code", [0, 1, 7])
@pytest.mark.parametrize("session", [False, True])
def test_a_program_finds_what_it_would_find_in_a_new_process(script: Path, code: int, session: bool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        more = {"cwd": script.parent, "start_new_session": session, "env": {**ENVIRONMENT, "MORE": "äö", "TZ": "UTC"}}
        fork = _told(script, code, **more)
        with forking.really_new():
            new = _told(script, code, **more)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert fork.pop("pid") != new.pop("pid")
    assert fork == new
    assert fork["parent"] == os.getpid() and fork["given"] == "given" and fork["leads"] is session


def test_files_to_pass_on_have_the_numbers_that_they_had(script: Path, tmp_path: Path) -> None:
    with (tmp_path / "one").open("w") as one, (tmp_path / "two").open("w") as two:
        passed = (two.fileno(), os.dup2(one.fileno(), 200, inheritable=False))
        try:
            before = forking.forked
            fork = _told(script, 0, pass_fds=passed)
            assert forking.forked == before + 1
            with forking.really_new():
                new = _told(script, 0, pass_fds=passed)
        finally:
            os.close(200)
    assert {*map(str, passed)} < {*fork["files"]} and len(fork["files"]) == len(new["files"]) == 6  # one lists them


def test_where_no_language_is_said_it_is_the_one_that_python_takes(script: Path) -> None:
    said = {name: value for name, value in ENVIRONMENT.items() if name not in forking._SAME}
    before = forking.forked
    fork = _told(script, 0, env=said)
    assert forking.forked == before + (forking._locale(os.environ) == "C.UTF-8")
    with forking.really_new():
        new = _told(script, 0, env=said)
    assert (fork["environ"], fork["streams"]) == (new["environ"], new["streams"])


def test_commands_answer_alike(how: str, tmp_path: Path) -> None:
    def weir(*words: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "weir.cli", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr

    assert weir("--version")[:2] == (0, "weir 0.1.0\n")
    code, out, said = weir("nonsense")
    assert (code, out) == (2, "") and said.startswith("weir: No such command")
    assert weir("keys", "list", "--data", "none") == (
        1, "", "weir keys list: none is no data directory; name weir's with --data\n"
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_ends_it_and_its_number_is_told(how: str, number: int, tmp_path: Path) -> None:
    waits = ["-m", "weir.audit.ingester", "--data", str(tmp_path), "--watch-stdin"]
    process = Process("ingester", waits, tmp_path)
    until(lambda: (tmp_path / "audit" / "audit.duckdb").exists(), "its store")
    process.signal(number)
    assert process.wait() == (0 if number == signal.SIGTERM else -number)


def test_weir_runs_its_ingester_and_ends_with_it(how: str, artefacts: Path) -> None:
    weir = Weir(artefacts / "weir", write_policy(artefacts / "policy.yaml", "observe", dlp__processes=0))
    try:
        weir.until_records(lambda rows: any(row["kind"] == "config" for row in rows), "the record of its start")
        below = until(lambda: _children(weir.process.pid), "the ingester")
        until(lambda: b"weir.audit.ingester" in _cmdline(below[0]), "what it is")
        environment = Path(f"/proc/{weir.process.pid}/environ").read_bytes()
        assert how == "new" or b"WEIR_TEST_RUN" not in environment, "the environment is not that of who forked it"
        os.kill(below[0], signal.SIGKILL)
        again = until(lambda: [pid for pid in _children(weir.process.pid) if pid != below[0]], "another one")
        until(lambda: b"weir.audit.ingester" in _cmdline(again[0]), "what that is")
    finally:
        assert weir.stop() == 0, weir.process.tail()
    assert "ingester ended with code -9" in weir.process.output()


def test_an_ingester_that_is_killed_while_weir_starts_does_not_end_it(artefacts: Path) -> None:
    """Killed as soon as it is there: other parts of weir are not running yet, and mitmproxy ends a start for errors."""
    folder, policy = artefacts / "weir", write_policy(artefacts / "policy.yaml", "observe", dlp__processes=0)
    ready = folder / "ready.json"
    words = ["run", "--policy", str(policy), "--listen", "127.0.0.1:0", "--data", str(folder / "data")]
    weir = Process("weir", ["-m", "weir.cli", *words, "--ready-file", str(ready)], folder)
    try:
        below = until(lambda: _ingesters(weir.pid), "the ingester", every=0.001)
        os.kill(below[0], signal.SIGKILL)
        until(lambda: "ingester ended with code -9" in weir.output(), "word of it")
        until(lambda: _ingesters(weir.pid), "another one")
        until(ready.exists, "its being ready")
        assert weir.running, weir.tail()
    finally:
        assert weir.stop(30) == 0, weir.tail()


def test_no_two_forks_make_up_the_same_ids(artefacts: Path, start_weir: Callable[..., Weir]) -> None:
    before = forking.forked
    weirs = [start_weir(), start_weir()]
    assert forking.forked == before + 2
    ids = [row["event_id"][19:] for weir in weirs for row in weir.until_records(bool, "its start")]
    assert len({*ids}) == len(ids) > 1


@pytest.mark.parametrize(
    "asked",
    [{"pass_fds": (0,)}, {"env": {**ENVIRONMENT, "PYTHONUTF8": "0"}}, {"env": {**ENVIRONMENT, "LC_ALL": "C"}},
     {"env": {"PYTHONPATH": "/elsewhere"}}, {"umask": 0o22}, {"preexec_fn": os.getpid}, {"close_fds": False}],
    ids=lambda asked: next(iter(asked)),
)  # fmt: skip
def test_what_a_fork_cannot_give_is_a_new_process(script: Path, asked: dict[str, Any]) -> None:
    before = forking.forked
    _told(script, 3, **asked)
    assert forking.forked == before


def _children(pid: int) -> list[int]:
    return [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]


def _ingesters(pid: int) -> list[int]:
    return [child for child in _children(pid) if b"weir.audit.ingester" in _cmdline(child)]


def _cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
