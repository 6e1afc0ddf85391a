"""``weir env`` and ``weir exec``: the variables that programs get, and what becomes of the program."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import certifi
import pytest

from weir.cli.clients import PASSWORD
from weir.datadir import DataDir
from weir.tls.ca import ensure_ca

Process = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> Path:
    """A data directory with a CA, as `weir run` leaves it."""
    ensure_ca(DataDir(tmp_path / "data").ca)
    return tmp_path / "data"


def say(data: Path, *listen: tuple[str, int]) -> None:
    """Leave the note of a weir that runs: this process stands for it."""
    (data / "run").mkdir(exist_ok=True)
    (data / "run" / "weir.json").write_text(
        json.dumps({"pid": os.getpid(), "listen": listen, "policy": "p.yaml", "policy_hash": "ab"})
    )


@pytest.fixture
def company_ca(tmp_path: Path) -> Path:
    """A CA file as a company's machines have it."""
    (tmp_path / "company").mkdir()
    return ensure_ca(tmp_path / "company", "corp").pem


def variables(out: str) -> dict[str, str]:
    done = subprocess.run(["sh", "-c", f"{out}\nenv -0"], capture_output=True, text=True, check=True, env={})
    return dict(item.split("=", 1) for item in done.stdout.split("\0") if "=" in item)


def test_env_sets_proxy_and_roots_in_a_shell(weir, tmp_path: Path) -> None:
    done = weir("env", "--data", tmp_path / "data", "--shell", "sh", "--proxy", "proxy.example:3128")
    assert done.code == 0
    made = variables(done.out)
    assert made["HTTPS_PROXY"] == made["http_proxy"] == "http://proxy.example:3128"
    ours = (tmp_path / "data" / "ca" / "weir-ca.pem").read_text()
    assert ours in Path(made["SSL_CERT_FILE"]).read_text()
    assert Path(made["NODE_EXTRA_CA_CERTS"]).read_text() == ours
    assert "127.0.0.1" in made["NO_PROXY"].split(",")


@pytest.mark.parametrize(
    ("shell", "begins"),
    [("bash", "export "), ("zsh", "export "), ("fish", "set -gx "), ("powershell", "$env:"), ("cmd", 'set "')],
)
def test_env_speaks_each_shells_language(weir, tmp_path: Path, shell: str, begins: str) -> None:
    lines = weir("env", "--data", tmp_path / "data", "--shell", shell).out.splitlines()
    assert lines
    assert all(line.startswith(begins) for line in lines)


@pytest.mark.parametrize(("login", "begins"), [("/usr/bin/fish", "set -gx"), ("/bin/odd", "export"), ("", "export")])
def test_env_takes_the_shell_in_use(
    weir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str, begins: str
) -> None:
    monkeypatch.setenv("SHELL", login)
    assert weir("env", "--data", tmp_path / "data").out.startswith(begins)


def test_env_keeps_what_the_company_set(
    weir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, company_ca: Path
) -> None:
    monkeypatch.setenv("NO_PROXY", "git.corp.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(company_ca))
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(company_ca))
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "gone.pem"))
    done = weir("env", "--data", tmp_path / "data", "--shell", "sh")
    assert done.err.splitlines()[-1] == "weir: PIP_CERT names a file without certificates; it is left out"
    made = variables(done.out)
    assert made["NO_PROXY"].startswith("git.corp.example,")
    bundle = Path(made["SSL_CERT_FILE"]).read_text()
    count = Path(certifi.where()).read_text().count("BEGIN CERTIFICATE")
    assert bundle.count("BEGIN CERTIFICATE") == count + 2
    for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
        assert company_ca.read_text().strip() in Path(made[name]).read_text()
    # In a shell that has these variables already, the files are the same: nothing grows.
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_CERT")
    again = variables(weir("env", "--data", tmp_path / "data", "--shell", "sh").out)
    assert Path(again["SSL_CERT_FILE"]).read_text().count("BEGIN CERTIFICATE") <= count + 2


@pytest.mark.parametrize("command", [["env"], ["exec", "--", "true"]])
def test_without_a_data_directory_nothing_is_made(weir, tmp_path: Path, command: list[str]) -> None:
    nowhere = tmp_path / "nowhere"
    done = weir(command[0], "--data", nowhere, *command[1:])
    assert (done.code, done.out) == (2, "")
    said = f"there is no weir data directory {nowhere} here; name weir's with --data DIR"
    assert done.err == f"weir {command[0]}: {said}\n"
    assert not nowhere.exists()
    nowhere.mkdir(mode=0o700)
    done = weir(command[0], "--data", nowhere, *command[1:])
    assert (done.code, done.out) == (2, "")
    assert "holds no CA yet; weir run makes it" in done.err
    assert not list(nowhere.rglob("*.key"))


def test_env_goes_where_weir_says_it_listens(weir, data: Path) -> None:
    assert variables(weir("env", "--data", data, "--shell", "sh").out)["HTTPS_PROXY"] == "http://127.0.0.1:8080"
    say(data, ("0.0.0.0", 3128), ("::", 3128))
    assert variables(weir("env", "--data", data, "--shell", "sh").out)["HTTPS_PROXY"] == "http://127.0.0.1:3128"
    asked = weir("env", "--data", data, "--shell", "sh", "--proxy", "proxy.example:1").out
    assert variables(asked)["HTTPS_PROXY"] == "http://proxy.example:1"


def test_exec_goes_where_weir_says_it_listens_and_doubts_another(process: Process, data: Path, listening: str) -> None:
    program = ["--", "sh", "-c", 'printf "%s" "$HTTPS_PROXY"']
    doubtful = process("exec", "--data", data, "--proxy", listening, *program)
    assert doubtful.stdout.decode() == listening
    assert f"no weir runs on {data}" in doubtful.stderr.decode()
    say(data, ("127.0.0.1", int(listening.rpartition(":")[2])))
    done = process("exec", "--data", data, *program)
    assert (done.stdout.decode(), done.stderr) == (listening, b"")
    say(data, ("127.0.0.1", 1))
    other = process("exec", "--data", data, "--proxy", listening, *program)
    assert other.stdout.decode() == listening
    assert f"listens on http://127.0.0.1:1, not on {listening[7:]}" in other.stderr.decode()


def test_env_refuses_what_it_does_not_know(weir, tmp_path: Path) -> None:
    assert weir("env", "--data", tmp_path / "data", "--shell", "tcsh").code == 2
    done = weir("env", "--data", tmp_path / "data", "--proxy", "http://ann:hunter2@proxy")
    assert (done.code, done.out) == (2, "")
    assert "hunter2" not in done.err


def test_exec_runs_a_program_with_the_variables_and_passes_its_code_on(
    process: Process, tmp_path: Path, listening: str
) -> None:
    script = 'printf "%s %s %s" "$HTTPS_PROXY" "$1" "$2"; exit 7'
    done = process(
        "exec", "--data", tmp_path / "data", "--proxy", listening, "--", "sh", "-c", script, "sh", "--data", "--help"
    )
    assert done.returncode == 7
    assert done.stdout.decode() == f"{listening} --data --help"


def test_exec_needs_a_proxy_that_answers(weir, tmp_path: Path, listening: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = weir("exec", "--data", tmp_path / "data", "--proxy", f"http://ann:hunter2@127.0.0.1:{port}", "--", "true")
    assert (done.code, done.out) == (1, "")
    assert f"nothing answers on 127.0.0.1:{port}" in done.err
    assert "hunter2" not in done.err
    assert done.err.count("\n") == 1


def test_exec_of_what_is_no_program(weir, tmp_path: Path, listening: str) -> None:
    options = ["--data", tmp_path / "data", "--proxy", listening]
    assert weir("exec", *options, "--", "no-such-program-here").code == 127
    (tmp_path / "plain").write_text("text")
    assert weir("exec", *options, "--", tmp_path / "plain").code == 126


def test_exec_takes_the_password_from_the_environment_and_does_not_hand_it_on(
    process: Process, tmp_path: Path, listening: str
) -> None:
    done = process(
        "exec", "--data", tmp_path / "data", "--proxy", listening, "--user", "ann", "--",
        "sh", "-c", f'printf "%s [%s]" "$HTTPS_PROXY" "${PASSWORD}"', **{PASSWORD: "p@ss"},
    )  # fmt: skip
    assert done.stdout.decode() == f"http://ann:p%40ss@{listening.removeprefix('http://')} []"
    assert b"p@ss" not in done.stderr


@pytest.mark.parametrize("user", ["ann:hunter2", "ann"])
def test_exec_wants_no_password_on_the_command_line_and_does_not_hang_for_one(
    process: Process, tmp_path: Path, listening: str, user: str
) -> None:
    done = process("exec", "--data", tmp_path / "data", "--proxy", listening, "--user", user, "--", "true")
    assert done.returncode == 2
    assert PASSWORD.encode() in done.stderr
    assert b"hunter2" not in done.stderr


def test_exec_keeps_the_rest_of_the_environment(process: Process, tmp_path: Path, listening: str) -> None:
    done = process(
        "exec", "--data", tmp_path / "data", "--proxy", listening, "--", "sh", "-c", "echo $KEPT $PATH", KEPT="yes"
    )
    assert done.stdout.decode().split() == ["yes", os.environ["PATH"]]
