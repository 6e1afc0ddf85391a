"""Where no secret may be: command lines, environments of child processes, files that are open, what crashes leave."""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from e2e.sdks import OpenAI
from e2e.support import ADDRESS, House, access_key, command, issue
from harness.canary import CANARIES, Canaries, assert_no_canaries
from harness.doubles import Doubles
from harness.processes import ROOT, Process, until
from harness.weir import write_policy

pytestmark = [pytest.mark.xdist_group("secrets-stay"), pytest.mark.really_new]

PASSWORD = CANARIES.plant("sluice-gate-at-dawn", "a user's password")


def children(pid: int) -> list[int]:
    """All processes below this one."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for word in path.read_text().split():
                found += [int(word), *children(int(word))]
    return found


def told(pid: int, name: str) -> bytes:
    """``cmdline`` or ``environ`` of a process; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def hold(data: bytes, canaries: Canaries = CANARIES) -> list[str]:
    """What it means that ``data`` holds what it holds; never the values."""
    return [what for form, what in canaries.forms().items() if form in data]


def begin(start: Callable[..., House]) -> House:
    """Start a proxy with a helper process for texts, keys from the environment, a file and a command, and users."""
    real = CANARIES.plant(secrets.token_hex(20), "the real key behind a command")

    def prepare(folder: Path) -> Mapping[str, Any]:
        kept = Path(os.environ["WEIR_TEST_RUN"]) / "private"  # apart from what weir writes
        read, script = kept / f"{folder.name}.key", folder / "read-key"
        read.touch(0o600)
        read.write_text(real)
        # What it was given stands among the artefacts, where the search at the end of the run comes by.
        script.write_text(f"#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ >{folder}/exec.environ\ncat {read}\n")
        script.chmod(0o700)
        users = folder / "users"
        command("identity", "add", "jane", "--users", str(users), "--password-stdin", given=PASSWORD)
        return {
            "identity__users": str(users),
            "keys__anthropic": {"secret": f"exec:{script} anthropic"},
        }

    return start(prepare=prepare, dlp__processes=1, environment={"PYTHONFAULTHANDLER": "1"})


@pytest.fixture(scope="module")
def busy_house(start_module_house: Callable[..., House]) -> House:
    return begin(start_module_house)


@pytest.fixture
def busy(busy_house: House, doubles: Doubles) -> House:
    """The proxy that several tests look into."""
    busy_house.begin()
    return busy_house


def used(house: House) -> list[str]:
    """Let keys, passwords, prompts and refusals go through it; the secrets of the prompts."""
    sdk = OpenAI(house.weir, house.key, proxy=house.weir.as_user("jane", PASSWORD))
    assert sdk.chat(f"Tell {ADDRESS}") and "".join(sdk.stream("How high?"))
    secret = access_key()
    with pytest.raises(sdk.refused):
        sdk.chat(f"Deploy with {secret}. " + "And so on. " * 4000)
    other = issue(house.weir.data)
    assert OpenAI(house.weir, other).chat("How high?")
    house.until(3, "response")
    house.until(1, "block")
    return [secret, other]


def test_no_process_shows_a_secret(busy: House) -> None:
    used(busy)
    weir = busy.weir.process.pid
    until(lambda: len(children(weir)) >= 2, "the ingester and the helper")
    below = children(weir)
    for pid in (weir, *below):
        assert hold(told(pid, "cmdline")) == []
    for pid in below:
        assert hold(told(pid, "environ")) == [], told(pid, "cmdline").replace(b"\0", b" ")
    own = {what.partition(",")[0] for what in hold(told(weir, "environ"))}
    assert own <= {f"real {kind} key" for kind in busy.doubles.keys}, "what the operator gave it by env:, and no more"
    given = busy.weir.folder / "exec.environ"
    assert "PATH=" in given.read_text() and hold(given.read_bytes()) == []


def test_no_file_that_is_open_and_none_that_was_written_holds_a_secret(busy: House) -> None:
    used(busy)
    weir = busy.weir.process.pid
    searched = 0
    for pid in (weir, *children(weir)):
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):  # closed meanwhile
                mode = link.stat().st_mode  # of what it leads to, a file without a name as well
                if stat.S_ISREG(mode):
                    data = link.read_bytes()
                    searched += 1
                    assert hold(data) == [], f"{link.readlink()} of {told(pid, 'cmdline')!r}"
    assert searched >= 2
    assert assert_no_canaries([busy.weir.folder]) > 10  # databases with their write-ahead logs, while they are open


TOLD = (
    ("keys", "list"),
    ("keys", "list", "--format", "json"),
    ("keys", "review", "--all", "--format", "csv"),
    ("keys", "export"),
    ("doctor",),
    ("audit", "verify"),
    ("report", "spend"),
    ("report", "findings"),
    ("report", "credentials"),
)


# All of them in one process: a start costs more than most of them do.
COMMANDS = """
import sys
from weir.cli import main
for line in sys.stdin:
    print("$", line.strip(), flush=True)
    print("=", main(line.split()), flush=True)
"""


def test_no_command_tells_a_secret(busy: House) -> None:
    used(busy)
    variables = {f"{kind.upper()}_API_KEY": key for kind, key in busy.doubles.keys.items()}
    lines = ""
    for words in TOLD:
        policy = ["--policy", str(busy.weir.policy)] if words[0] in ("keys", "doctor") else []
        lines += " ".join([*words, *policy, "--data", str(busy.weir.data)]) + "\n"
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input=lines.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=busy.weir.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "addons"), **variables},
        timeout=90,
    )
    assert done.returncode == 0 and hold(done.stdout) == [], "what was printed is not repeated here"
    told_by = done.stdout.split(b"$ ")[1:]
    assert len(told_by) == len(TOLD)
    for words, out in zip(TOLD, told_by, strict=True):
        _, _, said = out.partition(b"\n")
        said, _, code = said.rpartition(b"= ")
        assert said.strip() and int(code) in (0, 1), words


@contextlib.contextmanager
def cores_allowed() -> Iterator[None]:
    """Let what is started here write core files, as far as this machine does: it is for weir to forbid them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV], ids=lambda number: number.name)
def test_a_crash_leaves_no_secret(number: signal.Signals, start_house: Callable[..., House]) -> None:
    with cores_allowed():
        house = begin(start_house)
    used(house)
    weir = house.weir
    limits = Path(f"/proc/{weir.process.pid}/limits").read_text()
    assert next(line for line in limits.splitlines() if "core file" in line).split()[4:6] == ["1", "1"]
    helpers = [pid for pid in children(weir.process.pid) if b"helper" in told(pid, "cmdline")]
    assert helpers
    os.kill(helpers[0], number)  # one below it first
    weir.process.signal(number)
    assert weir.process.wait() == -number
    assert "Fatal Python error" in weir.process.output(), "the crash's own words are among what is searched"
    assert [path for path in weir.folder.rglob("core*") if path.is_file()] == []
    assert assert_no_canaries([weir.folder]) > 10


def test_a_failing_start_quotes_no_secret(artefacts: Path) -> None:
    """A reference that is none may be the key itself."""
    key = CANARIES.plant(f"sk-{secrets.token_hex(24)}", "a key where its reference belongs")
    private = Path(os.environ["WEIR_TEST_RUN"]) / "private"
    policy = write_policy(private / f"{artefacts.name}.yaml", keys={"openai": {"secret": key}})
    arguments = ["-m", "weir.cli", "run", "--policy", str(policy), "--data", str(artefacts / "data")]
    started = Process("failing", [*arguments, "--listen", "127.0.0.1:0"], artefacts, {"WEIR_TRACEBACK": "1"})
    assert started.wait() == 2
    assert "keys.openai" in started.output() and key not in started.output()
