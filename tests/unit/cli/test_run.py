"""``weir run``: what it refuses before it listens. That it runs is the end-to-end tests' matter."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from weir.cli.run import default_policy, known, taken


def test_the_default_policy_is_the_shipped_observe() -> None:
    assert default_policy().name == "observe.yaml"
    assert default_policy().is_file()


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", ""])
def test_an_address_that_is_none(weir, tmp_path: Path, listen: str) -> None:
    done = weir("run", "--listen", listen, "--data", tmp_path / "data")
    assert (done.code, done.out) == (2, "")
    assert "write HOST:PORT" in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("transparnt", "'transparnt' is no mode; write transparent"),
        ("nothing-like-it@8081", "'nothing-like-it@8081' is no mode; write one of regular, socks5"),
        ("reverse", "'reverse' needs to know where to; write reverse:URL"),
        ("upstream:", "'upstream:' needs to know where to; write upstream:URL"),
    ],
)
def test_a_mode_that_is_none(weir, tmp_path: Path, workers: str, mode: str, message: str) -> None:
    done = weir("run", "--mode", "regular", "--mode", mode, "--workers", workers, "--data", tmp_path / "data")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "mode", ["Regular", "socks5@1080", "transparent@[::1]:8081", "local:curl", "reverse:https://a"]
)
def test_modes_that_are_known(mode: str) -> None:
    assert known([mode]) == [mode]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--policy", "{tmp}/none.yaml"], "none.yaml"),
        (["--policy", "{tmp}/bad.yaml"], "bad.yaml:1"),
        (["--resolve", "nonsense"], "nonsense"),
        (["--data", "{tmp}/bad.yaml"], "is not a directory"),
        (["--policy", "{tmp}/users.yaml"], "users.yaml:2: identity.users: {tmp}/none cannot be read"),
        (["--policy", "{tmp}/detectors.yaml"], "detectors.yaml:2: dlp.entities[0]: is nothing that a recognizer finds"),
        (["--upstream-ca", "{tmp}/none.pem"], "none.pem"),
    ],
)
def test_what_it_cannot_start_with(process, tmp_path: Path, options: list[str], message: str) -> None:
    (tmp_path / "bad.yaml").write_text("version: 2\n")
    (tmp_path / "users.yaml").write_text("version: 1\nidentity: {users: none}\n")
    (tmp_path / "detectors.yaml").write_text("version: 1\ndlp: {entities: [EMIAL]}\n")
    base = [] if "--data" in options else ["--data", tmp_path / "data"]
    done = process("run", "--listen", "127.0.0.1:0", *base, *(item.replace("{tmp}", str(tmp_path)) for item in options))
    assert done.returncode == 2
    assert done.stdout == b""
    assert message.replace("{tmp}", str(tmp_path)) in done.stderr.decode()
    assert done.stderr.startswith(b"weir run: ") and done.stderr.count(b"\n") == 1
    assert not (tmp_path / "data").exists()


def test_every_mistake_of_the_policy_is_told(process, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\nmode: off\naudit: 5\n")
    done = process("run", "--policy", tmp_path / "p.yaml", "--data", tmp_path / "data")
    assert done.returncode == 2
    first, second = done.stderr.decode().splitlines()
    assert first == f"weir run: {tmp_path}/p.yaml:2: mode: is not a word known here; write one of observe, enforce"
    assert second.startswith(f"weir run: {tmp_path}/p.yaml:3: audit: must be a mapping")


def test_an_address_in_use_is_one_line_and_makes_nothing(process, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = f"127.0.0.1:{server.getsockname()[1]}"
        done = process("run", "--listen", listen, "--data", tmp_path / "data")
        said = f"weir run: cannot listen on {listen} (Address already in use); choose another address with --listen\n"
        assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", said)
        assert not (tmp_path / "data").exists()
        (tmp_path / "data" / "run").mkdir(parents=True)
        told = {"pid": os.getpid(), "listen": [listen.split(":")], "policy": "p.yaml", "policy_hash": "ab"}
        (tmp_path / "data" / "run" / "weir.json").write_text(json.dumps(told))
        done = process("run", "--listen", listen, "--data", tmp_path / "data")
    assert f"(weir, process {os.getpid()}, does)" in done.stderr.decode()


def test_an_address_for_health_that_is_in_use(process, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        done = process("run", "--listen", "127.0.0.1:0", "--health", place, "--data", tmp_path / "data")
    said = f"weir run: cannot listen on {place} (Address already in use); choose another address with --health\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", said)


@pytest.mark.parametrize(
    ("modes", "host", "problem"),
    [
        (["regular"], "127.0.0.1", "Address already in use"),
        (["regular"], "localhost", "Address already in use"),
        (["regular"], "", "Address already in use"),
        (["regular@127.0.0.1:9"], "127.0.0.1", ""),
        (["wireguard"], "127.0.0.1", ""),
        (["wireguard", "socks5"], "127.0.0.1", "Address already in use"),
        (["regular"], "192.0.2.1", "Cannot assign requested address"),
    ],
)
def test_what_can_be_listened_on(modes: list[str], host: str, problem: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert taken(modes, host, server.getsockname()[1]) == problem
    assert not problem or host == "192.0.2.1" or taken(modes, host, 0) == ""


def test_the_key_log_variable_is_not_obeyed(process, tmp_path: Path) -> None:
    done = process(
        "run", "--listen", "127.0.0.1:0", "--policy", tmp_path / "none.yaml", "--data", tmp_path / "data",
        SSLKEYLOGFILE=str(tmp_path / "keys.log"),
    )  # fmt: skip
    assert b"SSLKEYLOGFILE is ignored" in done.stderr
    assert not (tmp_path / "keys.log").exists()
