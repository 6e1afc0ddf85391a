"""``weir redirect``: what it says where it can't, and what it gives nft where it can."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weir.redirect import Plan, removal, rules

Weir = Callable[..., Any]
TABLE = "table inet weir {\n\tchain passing {\n\t\ttype filter hook forward priority filter; policy accept;\n\t}\n"
REACHED = "\tchain reached {\n\t\ttcp dport != %s accept\n\t}\n}\n"


@pytest.fixture
def nft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put a program called nft first on the path: it keeps what it is given, says this, and ends so."""

    def make(said: str = "", *, wrong: str = "", code: int = 0) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, text in (("out", said), ("err", wrong)):
            (folder / name).write_text(text)
        program, given = folder / "nft", folder / "given"
        program.write_text(
            f"#!/bin/sh\necho \"$*\" > '{folder}/words'\n/bin/cat > '{given}'\n/bin/cat '{folder}/out'\n"
            f"/bin/cat '{folder}/err' >&2\nexit {code}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return given

    return make


def test_the_rules_are_printed_without_nft(weir: Weir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert weir("redirect", "up", "--dry-run") == (0, rules(Plan((8081,))), "")
    both = weir("redirect", "up", "--dry-run", "--gateway", "--host", "--user", "root", "--ports", "8081,8082")
    assert both.out == rules(Plan((8081, 8082), True, 0))
    assert weir("redirect", "up", "--dry-run", "--host", "--user", "990").out == rules(Plan((8081,), False, 990))
    assert "ip daddr { 10.0.0.0/8 } return" in weir("redirect", "up", "--dry-run", "--except", "10.0.0.0/8").out
    assert weir("redirect", "down", "--dry-run") == (0, removal(), "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "--user", "nobody-at-all"), "there is no user nobody-at-all; make it (useradd --system nobody-at"),
        (("--ports", "many"), "ports are numbers, e.g. 8081,8082"),
        (("--ports", "8081,8081"), "ports are numbers from 1 to 65535, each once"),
        (("--ports", "443"), "weir can't listen on 80 or 443"),
        (("--except", "10.0.0.1/8"), "--except 10.0.0.1/8: write a network, e.g. 10.0.0.0/8"),
    ],
)
def test_what_can_not_be_is_one_line(weir: Weir, nft: Callable[..., Path], words: tuple[str, ...], said: str) -> None:
    given = nft()
    done = weir("redirect", "up", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"weir redirect: {said}") and done.err.count("\n") == 1
    assert not given.exists()


@pytest.mark.parametrize("command", ["up", "down", "show"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("netlink: Error: Operation not permitted (you must be root)\nmore", "only root may change or see the rules"),
        ("/dev/stdin:3:3-3: Error: syntax error\n  ^^^", "nft refused: /dev/stdin:3:3-3: Error: syntax error"),
        ("", "nft refused: exit code 1"),
    ],
)
def test_when_nft_refuses(weir: Weir, nft: Callable[..., Path], command: str, wrong: str, said: str) -> None:
    nft(wrong=wrong, code=1)
    done = weir("redirect", command)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"weir redirect: {said}") and done.err.count("\n") == 1


def test_without_nft(weir: Weir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = weir("redirect", "up")
    assert (done.code, done.err) == (1, "weir redirect: nft is not installed; install the package nftables\n")


def test_up_and_down(weir: Weir, nft: Callable[..., Path], tmp_path: Path) -> None:
    given = nft()
    done = weir("redirect", "up", "--ports", "9,10")
    assert done.code == 0 and done.err.startswith("in force: table inet weir\n")
    assert "nobody listens on 9 for other machines" in done.err and "nobody listens on 10 " in done.err
    assert given.read_text() == rules(Plan((9, 10)))
    assert (tmp_path / "bin" / "words").read_text() == "-f -\n"
    assert weir("redirect", "down") == (0, "", "gone: table inet weir\n")
    assert given.read_text() == removal()


def test_down_where_nothing_is(weir: Weir, nft: Callable[..., Path], tmp_path: Path) -> None:
    nft(wrong="Error: No such file or directory\nlist table inet weir\n", code=1)
    assert weir("redirect", "down") == (0, "", "nothing to remove: there is no table inet weir\n")
    assert (tmp_path / "bin" / "words").read_text() == "list table inet weir\n"


@pytest.mark.parametrize(("ports", "quiet"), [("9", ["9"]), ("{ 9, 10 }", ["9", "10"])])
def test_show(weir: Weir, nft: Callable[..., Path], ports: str, quiet: list[str]) -> None:
    text = TABLE + REACHED % ports
    nft(text)
    done = weir("redirect", "show")
    assert (done.code, done.out) == (0, text)
    assert [line.split()[3] for line in done.err.splitlines() if line.startswith("nobody")] == quiet


def test_weir_under_another_user_is_told(weir: Weir, nft: Callable[..., Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port, me = there.getsockname()[1], os.getuid()
        words = ("redirect", "up", "--host", "--ports", str(port), "--user")
        nft()
        assert f"user {me} listens on {port}, not {me + 1}: " in weir(*words, str(me + 1)).err
        assert weir(*words, str(me)).err == "in force: table inet weir\n"
        nft(f"table inet weir {{\n\tmeta skuid {me + 1} return\n{REACHED % port}")
        assert f"user {me} listens on {port}" in weir("redirect", "show").err


def test_show_where_nothing_is(weir: Weir, nft: Callable[..., Path]) -> None:
    nft(wrong="Error: No such file or directory\nlist table inet weir\n", code=1)
    assert weir("redirect", "show") == (1, "", "weir redirect: nothing is redirected\n")
