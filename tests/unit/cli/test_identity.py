"""``weir identity``: passwords come in by stdin or a hidden prompt, and never out again."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import weir.cli
from harness.issuer import claims, jwks, rsa_key
from harness.issuer_site import Site
from weir.identity.users import Users, Work, add

Process = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return tmp_path / "users"


def test_add_takes_the_password_from_stdin(process: Process, users: Path) -> None:
    done = process(
        "identity", "add", "ann", "--users", users, "--team", "ops", "--password-stdin", stdin=b"corr:ect horse\n"
    )
    assert done.returncode == 0
    assert done.stdout == b""
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    principal = Users.load(users).verify("ann", "corr:ect horse")
    assert principal is not None
    assert principal.team == "ops"
    assert b"horse" not in done.stderr + users.read_bytes()


def until_hidden(terminal: int) -> None:
    """Wait until the program has turned the echo off, which throws away what was typed before."""
    deadline = time.monotonic() + 60
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        assert time.monotonic() < deadline, "the prompt shows what is typed"
        time.sleep(0.01)


def test_add_asks_hidden_and_twice_on_a_terminal(users: Path) -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(Path(weir.cli.__file__).parents[2])}
    command = [sys.executable, "-m", "weir.cli", "identity", "add", "ann", "--users", str(users)]
    seen = b""
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=env, start_new_session=True
    ) as running:
        for prompt in (b"Password of ann", b"Repeat"):
            while prompt not in seen:
                assert select.select([ours], [], [], 20)[0], seen
                seen += os.read(ours, 1024)
            until_hidden(ours)
            os.write(ours, b"hunter2-long\n")
        out, _ = running.communicate(timeout=60)
    while select.select([ours], [], [], 0)[0]:
        seen += os.read(ours, 1024)
    for end in (ours, theirs):
        os.close(end)
    assert (running.returncode, out) == (0, b"")
    assert b"hunter2" not in seen
    assert Users.load(users).verify("ann", "hunter2-long") is not None


@pytest.mark.parametrize(
    ("name", "stdin", "message"),
    [
        ("ann", b"\n", b"a password is not empty"),
        ("a:b", b"hunter2\n", b"without colon"),
        ("ann", b"hunter2" * 1000, b"longer than"),
        ("ann", b"hunter2\xff\n", b"not UTF-8"),
    ],
)
def test_add_refuses_what_basic_authentication_cannot_carry(
    process: Process, users: Path, name: str, stdin: bytes, message: bytes
) -> None:
    done = process("identity", "add", name, "--users", users, "--password-stdin", stdin=stdin)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr
    assert b"hunter2" not in done.stderr
    assert not users.exists()


def test_add_without_terminal_says_how(process: Process, users: Path) -> None:
    done = process("identity", "add", "ann", "--users", users)
    assert done.returncode == 2
    assert b"--password-stdin" in done.stderr


def test_remove(weir, process: Process, users: Path) -> None:
    assert weir("identity", "remove", "ann", "--users", users).code == 1
    process("identity", "add", "ann", "--users", users, "--password-stdin", stdin=b"hunter2")
    assert weir("identity", "remove", "bob", "--users", users).code == 1
    done = weir("identity", "remove", "ann", "--users", users)
    assert (done.code, done.out) == (0, "")
    assert len(Users.load(users)) == 0


def test_add_again_keeps_the_team(process: Process, users: Path) -> None:
    process("identity", "add", "ann", "--users", users, "--team", "ops", "--password-stdin", stdin=b"first")
    again = process("identity", "add", "ann", "--users", users, "--app", "ide", "--password-stdin", stdin=b"second")
    assert again.stderr == b"ann, team ops, app ide may log in; a running weir takes it over within seconds\n"
    principal = Users.load(users).verify("ann", "second")
    assert principal is not None
    assert (principal.team, principal.app) == ("ops", "ide")
    more = ("--groups", "eu, it", "--device", "desk-17", "--password-stdin")
    told = process("identity", "add", "ann", "--users", users, *more, stdin=b"third").stderr
    assert told.startswith(b"ann, team ops, app ide, device desk-17, groups eu, it may log in")
    assert [(user.groups, user.device) for user in Users.load(users).principals()] == [(("eu", "it"), "desk-17")]
    process("identity", "add", "ann", "--users", users, "--team", "", "--password-stdin", stdin=b"fourth")
    assert [user.team for user in Users.load(users).principals()] == [""]


def test_list(weir, users: Path) -> None:
    cheap = Work(log2_n=10, r=1, p=1)
    add(users, "ann", "first", team="ops", groups=("eu", "it"), work=cheap)
    add(users, "bot", "second", app="crawler", work=cheap)
    done = weir("identity", "list", "--users", users, "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == [
        {"name": "ann", "team": "ops", "app": "", "device": "", "groups": ["eu", "it"]},
        {"name": "bot", "team": "", "app": "crawler", "device": "", "groups": []},
    ]
    table = weir("identity", "list", "--users", users)
    assert [line.split() for line in table.out.splitlines()] == [
        ["name", "team", "app", "device", "groups"],
        ["ann", "ops", "-", "-", "eu,", "it"],
        ["bot", "-", "crawler", "-", "-"],
    ]
    assert "scrypt" not in done.out + table.out


def test_a_users_file_that_is_not_there_is_named_itself(weir, users: Path) -> None:
    for command in (("list",), ("remove", "ann")):
        done = weir("identity", *command, "--users", users)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert f"{users}: " in done.err
        assert ".lock" not in done.err


def test_a_broken_users_file_is_named_with_its_line(weir, process: Process, users: Path) -> None:
    users.write_text("ann:plain-hunter2:\n")
    users.chmod(0o600)
    for done in (
        process("identity", "add", "bob", "--users", users, "--password-stdin", stdin=b"x"),
        process("identity", "remove", "bob", "--users", users),
    ):
        assert done.returncode == 1
        assert f"{users}:1:".encode() in done.stderr
        assert b"hunter2" not in done.stderr


def test_a_folder_that_is_not_there(process: Process, tmp_path: Path) -> None:
    done = process("identity", "add", "a", "--users", tmp_path / "no" / "users", "--password-stdin", stdin=b"x")
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert f"{tmp_path}/no/users: ".encode() in done.stderr


def test_a_token_is_explained_and_never_shown(process: Process) -> None:
    site = Site()
    try:
        site.pages = {"/keys": (200, jwks(rsa_key()), {})}
        now = int(time.time())
        body = claims(iss=site.url, iat=now, exp=now + 600, dept="finance")
        asked = ("identity", "token", "--issuer", site.url, "--audience", "weir", "--jwks", f"{site.url}/keys")
        mapped = ("--claim", "user=sub", "--claim", "team=dept", "--format", "json")
        token = rsa_key().token(body)
        done = process(*asked, *mapped, stdin=token.encode() + b"\n")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["name"], told["team"]) == ("ada", "finance")
        wrong = process(*asked, stdin=rsa_key().token(body | {"aud": "other"}).encode())
        assert wrong.returncode == 1 and b"another audience" in wrong.stderr
        assert token.split(".")[2].encode() not in done.stdout + done.stderr + wrong.stderr
        for option, said in (
            (("--algorithm", "HS256"), b"--algorithm is not a word known here; write RS256"),
            (("--claim", "user"), b"write --claim user=email"),
            (("--claim", "boss=sub"), b"write --claim user=email"),
            (("--claim", "team=dept"), b"no --claim says who it is; add --claim user=sub"),
            (("--jwks", "http://keys.example"), b"--jwks is not an https address; write https://"),
        ):
            refused = process(*asked, *option, stdin=b"x")
            assert refused.returncode == 2 and said in refused.stderr, option
    finally:
        site.close()


def test_a_token_is_tried_against_the_issuers_of_a_policy(process: Process, tmp_path: Path) -> None:
    site, policy = Site(), tmp_path / "policy.yaml"
    try:
        site.pages = {"/keys": (200, jwks(rsa_key()), {})}
        policy.write_text(
            "version: 1\nidentity:\n  issuers:\n    - {issuer: https://a.example, audience: weir}\n"
            f"    - {{issuer: '{site.url}', audience: weir, jwks: '{site.url}/keys',\n"
            "       claims: {user: sub, team: dept}, teams: {d-7: finance}, require: {tid: t1}}\n"
        )
        now = int(time.time())
        body = claims(iss=site.url, iat=now, exp=now + 600, dept="d-7", tid="t1")
        asked = ("identity", "token", "--policy", policy)
        done = process(*asked, "--format", "json", stdin=rsa_key().token(body).encode())
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["team"] == "finance"
        wrong = process(*asked, stdin=rsa_key().token(body | {"tid": "canary"}).encode())
        assert wrong.returncode == 1 and b"require wants another value of tid; its claims are" in wrong.stderr
        assert b"canary" not in wrong.stderr
        for options, code, said in (
            ((*asked, "--issuer", site.url), 2, b"--policy says all of it"),
            (("identity", "token"), 2, b"give --policy FILE, or --issuer and --audience"),
            (("identity", "token", "--policy", tmp_path / "none.yaml"), 1, b"none.yaml"),
        ):
            refused = process(*options, stdin=b"x")
            assert refused.returncode == code and said in refused.stderr, refused.stderr
        policy.write_text("version: 1\n")
        assert b"names no issuers" in process(*asked, stdin=b"x").stderr
    finally:
        site.close()
