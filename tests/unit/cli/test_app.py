"""The command as a whole: what starts, how fast, and how errors end."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.cli import app

COMMANDS = (
    *("run", "demo", "check", "scan", "dlp", "doctor", "env", "exec", "report", "ca", "keys", "identity", "audit"),
    *("tokenizers", "budgets"),
)
OFFLINE = [
    ["--help"],
    ["keys", "list", "--data", "."],
    ["ca", "show", "--data", "d"],
    ["env", "--data", "d"],
    ["audit", "sql", "SELECT 1", "--data", "d"],
    ["report", "spend", "--data", "d"],
    ["identity", "remove", "ann", "--users", "none"],
]
Process = Callable[..., subprocess.CompletedProcess[bytes]]


def test_help_names_every_command(weir) -> None:
    done = weir("--help")
    assert done.code == 0
    assert all(command in done.out for command in COMMANDS)


def test_version(weir) -> None:
    from weir.places import version

    assert weir("--version") == (0, f"weir {version()}\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(weir, command: str) -> None:
    done = weir(command, "--help")
    assert done.code == 0
    assert "Usage" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_help_fills_its_lines(weir) -> None:
    lines = weir("scan", "--help").out.splitlines()
    first = next(index for index, line in enumerate(lines) if "With --policy" in line)
    assert len(lines[first].rstrip()) > 70 and len(lines[first + 1].rstrip()) > 70


def test_help_is_quick(process: Process) -> None:
    # Processor time, and the best of a few: other work on the machine must not fail this.
    best = 9.0
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert process("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert best < 0.4


@pytest.mark.parametrize("arguments", OFFLINE, ids=" ".join)
def test_offline_commands_import_neither_mitmproxy_nor_presidio(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o700)
    code = (
        "import sys; from weir.cli import main; main(sys.argv[1:]);"
        "print([n for n in ('mitmproxy', 'presidio_analyzer', 'spacy') if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(app.__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "weir: No such command 'nope'; see weir --help\n"),
        (["keys", "revoke"], "weir keys revoke: Missing argument 'ID'; see weir keys revoke --help\n"),
        (["ca", "show", "--nope"], "weir ca show: No such option: --nope; see weir ca show --help\n"),
        (
            ["audit", "export"],
            "'--format'; one of: ocsf, cef, leef, ecs, otlp, focus, jsonl; see weir audit export --help\n",
        ),
        (["keys", "list", "--format", "xml"], "'xml' is not one of 'table', 'json'; see weir keys list --help\n"),
    ],
)
def test_wrong_usage_is_one_line_and_2(weir, arguments: list[str], message: str) -> None:
    done = weir(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(message)
    assert done.err.count("\n") == 1


def test_an_unexpected_error_tells_its_place_and_never_its_message(
    weir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        local_secret = "s3cret-local"
        raise RuntimeError(f"s3cret-message {local_secret}")

    monkeypatch.setattr("weir.tls.ca.ensure_ca", broken)
    done = weir("ca", "show", "--data", tmp_path / "data")
    assert (done.code, done.out) == (1, "")
    assert "unexpected RuntimeError at test_app.py:" in done.err
    assert done.err.count("\n") == 1
    assert "s3cret" not in done.err


def test_the_way_to_an_unexpected_error_is_shown_on_request(
    weir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("s3cret-message")

    monkeypatch.setattr("weir.tls.ca.ensure_ca", broken)
    monkeypatch.setenv(app.TRACEBACK, "1")
    done = weir("ca", "show", "--data", tmp_path / "data")
    assert "ca.py:" in done.err
    assert "s3cret" not in done.err


def test_a_lost_policy_is_told_in_one_line(weir, monkeypatch: pytest.MonkeyPatch) -> None:
    from weir import places

    def lost(name: str) -> Path:
        raise places.MissingFile("the policy is gone; install weir again")

    monkeypatch.setattr(places, "policy_path", lost)
    done = weir("doctor")
    assert done == (1, "", "weir: the policy is gone; install weir again\n")


def test_interruption_is_130(weir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("weir.tls.ca.ensure_ca", interrupted)
    assert weir("ca", "show", "--data", tmp_path / "data").code == 130


def test_a_reader_that_leaves_early_is_no_error_to_talk_about(process: Process, store: Path, tmp_path: Path) -> None:
    query = "SELECT range, repeat('x', 1000) FROM range(2000)"
    command = [sys.executable, "-m", "weir.cli", "audit", "sql", query, "--format", "csv", "--data", str(store)]
    env = {"PYTHONPATH": str(Path(app.__file__).parents[2]), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=tmp_path) as running:
        assert running.stdout and running.stderr
        assert running.stdout.readline().startswith(b"range,")
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 1


def test_a_demo_that_is_not_installed_says_what_to_install(weir, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoSdk:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "weir.demo.scenes":
                raise ModuleNotFoundError("no", name="openai")

    monkeypatch.delitem(sys.modules, "weir.demo.scenes", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoSdk(), *sys.meta_path])
    done = weir("demo")
    assert done.code == 1
    assert done.err == (
        "weir demo: this installation lacks what the demo needs; install openai, with pip install 'weir[demo]'\n"
    )


def test_check_passes_its_code_on(weir, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 2\n")
    done = weir("check", tmp_path / "p.yaml")
    assert done.code == 1
    assert "p.yaml:1" in done.out
    assert weir("check", tmp_path / "none.yaml").code == 2
