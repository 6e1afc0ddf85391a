"""``weir wireguard peer``: the configuration is printed once, the private key is kept nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.cli import main
from weir.identity.tunnelpeers import as_bytes, load, make_key, peers_file, public_of


@pytest.fixture
def peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["wireguard", "peer", *arguments, "--data", str(tmp_path)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_peer_is_made_listed_and_removed(peer: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, out, err = peer("add", "ada-laptop", "--user", "ada", "--team", "research", "--endpoint", "weir.example")
    said = dict(line.split(" = ") for line in out.splitlines() if " = " in line)
    (kept,) = load(peers_file(tmp_path))
    assert code == 0 and said["Endpoint"] == "weir.example:51820"
    assert public_of(as_bytes(said["PrivateKey"])) == kept.key
    assert "will not be shown again" in err and said["PrivateKey"] not in err
    assert all(said["PrivateKey"].encode() not in one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert public_of((tmp_path / "secrets" / "wireguard.key").read_bytes()) == said["PublicKey"]
    rows = json.loads(peer("list", "--format", "json")[1])
    assert [(row["name"], row["user"], row["team"], row["port"]) for row in rows] == [
        ("ada-laptop", "ada", "research", 51820)
    ]
    assert "ada-laptop" in peer("list")[1]
    assert peer("remove", "ada-laptop")[0] == 0 and load(peers_file(tmp_path)) == ()
    assert peer("remove", "ada-laptop")[0] == 1


@pytest.mark.parametrize(("own", "told"), [("127.0.0.1", True), ("192.0.2.7", False)])
def test_an_address_that_no_device_reaches_is_told_of(
    own: str, told: bool, peer: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weir.cli.wireguard._own_address", lambda: own)
    code, out, err = peer("add", "ada")
    assert code == 0 and f"Endpoint = {own}:51820" in out
    assert ("make the peer anew with --endpoint" in err) is told
    assert "make the peer anew" not in peer("add", "bob", "--endpoint", "127.0.0.1")[2], "the operator said so"


@pytest.mark.parametrize(("mode", "told"), [(0o644, True), (0o640, True), (0o600, False)])
def test_a_file_that_others_may_read_is_told_of(
    mode: int, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ada.conf"
    path.touch()
    path.chmod(mode)
    with path.open("w") as file:
        monkeypatch.setattr("sys.stdout", file)
        assert main(["wireguard", "peer", "add", "ada", "--endpoint", "weir.example", "--data", str(tmp_path)]) == 0
    assert "PrivateKey" in path.read_text()
    assert ("may be read by others" in capsys.readouterr().err) is told


def test_it_is_written_for_its_owner_alone(peer: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    path = tmp_path / "ada.conf"
    code, out, err = peer("add", "ada", "--endpoint", "weir.example", "--out", str(path))
    assert (code, out) == (0, "") and "PrivateKey = " in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    assert "may be read by others" not in err
    code, out, err = peer("add", "bob", "--out", str(tmp_path / "nowhere" / "bob.conf"))
    assert code == 2 and "there is no folder to write to" in err
    assert [one.name for one in load(peers_file(tmp_path))] == ["ada"]  # and no peer was made


def test_a_code_for_phones_goes_to_people(peer: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = peer("add", "phone", "--qr", "--endpoint", "2001:db8::1")
    assert code == 0 and "▄" in err and "▄" not in out
    assert "Endpoint = [2001:db8::1]:51820" in out
    assert "device phone" in err


def test_a_peer_may_keep_its_key_to_itself(peer: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    theirs = public_of(as_bytes(make_key()))
    code, out, err = peer("add", "ops", "--public-key", theirs, "--qr", "--endpoint", "weir.example")
    assert code == 0 and "PrivateKey = (the peer's own)" in out and "▄" not in err
    assert load(peers_file(tmp_path))[0].key == theirs


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "a b"), 1, "a peer's name"),
        (("add", "x", "--endpoint", "weir.example:51820"), 1, "without a port"),
        (("add", "x", "--allowed", "10.0.0.1/8"), 2, "write 10.0.0.0/8"),
        (("add", "x", "--public-key", "abc"), 1, "44 characters"),
        (("add", "x", "--port", "0"), 2, "--port"),
    ],
)
def test_what_cannot_be_is_one_line_and_makes_no_peer(
    arguments: tuple[str, ...], code: int, said: str, peer: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    ended, out, err = peer(*arguments)
    assert (ended, out) == (code, "") and said in err and err.count("\n") == 1
    assert load(peers_file(tmp_path)) == ()


def test_without_a_data_directory_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none"
    for words in (("add", "x"), ("list",), ("remove", "x")):
        assert main(["wireguard", "peer", *words, "--data", str(missing)]) != 0
    assert not missing.exists() and "--data" in capsys.readouterr().err
