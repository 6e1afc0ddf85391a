"""Processes begin, are waited for, and end with all they started; keys go to weir alone."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.demo import stage
from weir.demo.hosts import HOSTS
from weir.demo.stage import LAB, ORDERS, RESOLVED, Child, Stage, Trouble, until

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with open(sys.argv[1] + ".part", "w") as file:
    file.write(str(child.pid))
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Child]:
    def start(source: str, *arguments: str) -> Child:
        (tmp_path / "acting.py").write_text(source)
        return Child("acting", ["acting", *arguments], tmp_path, {**os.environ, "PYTHONPATH": str(tmp_path)})

    return start


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_until() -> None:
    answers = iter([None, 0, "yes"])
    assert until(lambda: next(answers), 5.0, every=0.0) == "yes"
    began = time.monotonic()
    assert until(lambda: None, 0.05) is None
    assert time.monotonic() - began < 45


def test_a_child_that_ends_at_once(start: Callable[..., Child]) -> None:
    child = start("import sys; sys.exit('the port is taken\\n\\n')")
    with pytest.raises(Trouble, match=r"^acting ended at once: the port is taken$"):
        child.wait_for(lambda: None)
    child.stop()


def test_a_child_that_is_too_slow(start: Callable[..., Child], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_START_S", 0.1)
    child = start("import time; time.sleep(60)")
    with pytest.raises(Trouble, match="acting took too long to start: it said nothing"):
        child.wait_for(lambda: None)
    child.stop()
    assert not child.running


def test_wait_for_gives_what_was_asked(start: Callable[..., Child]) -> None:
    child = start("import time; print('ready', flush=True); time.sleep(60)")
    assert child.wait_for(lambda: child.stdout.read_text()) == "ready\n"
    child.stop()


def test_stop_ends_the_stubborn_and_their_children(
    start: Callable[..., Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start(STUBBORN, str(tmp_path / "pid"))
    written = tmp_path / "pid"
    pid = int(child.wait_for(lambda: written.read_text() if written.exists() else None))
    assert alive(pid)
    monkeypatch.setattr(stage, "_STOP_S", 0.5)
    child.stop()
    assert not child.running
    assert until(lambda: not alive(pid), 5.0)
    child.stop()  # once more does nothing


def test_every_host_of_the_scenes_has_its_double() -> None:
    assert set(RESOLVED) <= set(HOSTS)
    assert HOSTS[LAB] == "compatible" and HOSTS[ORDERS] == "json_api"


def test_children_get_none_of_this_machines_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "mine")
    monkeypatch.setenv("WEIR_DOUBLES_KEYS", "{}")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    made = stage._environment()
    assert "OPENAI_API_KEY" not in made and "WEIR_DOUBLES_KEYS" not in made
    first, second = made["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "weir" / "demo").is_dir() and second == "elsewhere"


def test_a_stage_without_weir() -> None:
    with Stage(None) as played:
        played.open_doubles()
        folder = played.data.parent
        assert set(played.real_keys) >= {"openai", "anthropic", "gemini"}
        assert played.upstream.mark() == 0
        port = played.upstream._control
        assert played.command("keys", "create", "--team", "a", "--app", "b").startswith("weir-sk-")
        with pytest.raises(Trouble, match=r"^weir keys failed: weir keys revoke: there is no key"):
            played.command("keys", "revoke", "vk-none")
        assert folder.exists()
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=60)


def test_what_is_given_stays(tmp_path: Path) -> None:
    with Stage(tmp_path / "data") as played:
        played.open_doubles()
        played.command("keys", "create", "--team", "a", "--app", "b")
        assert played.ca == tmp_path / "data" / "ca" / "weir-ca.pem"
    assert (tmp_path / "data" / "limits.db").exists()
