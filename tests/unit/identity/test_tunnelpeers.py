"""The file of WireGuard peers: public keys, one port and one number each, and whom they stand for."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import mitmproxy_rs
import pytest

from weir.identity import tunnelpeers
from weir.identity.tunnelpeers import FIRST_PORT, NoPeer, PeersError, TunnelPeer
from weir.model import Principal


def key() -> str:
    return tunnelpeers.public_of(tunnelpeers.as_bytes(tunnelpeers.make_key()))


def wanted(name: str = "ada", **other: object) -> TunnelPeer:
    return TunnelPeer(**{"name": name, "key": key(), "port": 0, "number": 0, "user": "ada"} | other)  # type: ignore[arg-type]


def test_keys_are_those_of_wireguard_clamped_or_not() -> None:
    private = tunnelpeers.make_key()
    assert tunnelpeers.public_of(tunnelpeers.as_bytes(private)) == mitmproxy_rs.wireguard.pubkey(private)
    raw = bytes(range(200, 232))  # as a data directory's own key is: nothing is clamped in it
    import base64

    assert tunnelpeers.public_of(raw) == mitmproxy_rs.wireguard.pubkey(base64.b64encode(raw).decode())


def test_peers_are_added_and_removed_and_gaps_are_filled(tmp_path: Path) -> None:
    path = tunnelpeers.peers_file(tmp_path)
    assert tunnelpeers.load(path) == ()
    first, second = (tunnelpeers.add(path, wanted(name)) for name in ("ada", "bob"))
    assert (first.port, second.port) == (FIRST_PORT, FIRST_PORT + 1)
    assert first.addresses == ("10.77.1.1", "fd77:6569:7200::1:1") and second.addresses[0] == "10.77.1.2"
    assert first.principal == Principal(user="ada", method="peer", strength=2)
    assert tunnelpeers.load(path) == (first, second)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tunnelpeers.remove(path, "ada") == first
    third = tunnelpeers.add(path, wanted("eve", port=443))
    assert (third.port, third.number) == (443, 1)
    with pytest.raises(NoPeer, match="weir wireguard peer list"):
        tunnelpeers.remove(path, "ada")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"name": "a b"}, "letters"),
        ({"name": "ada"}, "already"),
        ({"name": "../x"}, "letters"),
        ({"key": "short"}, "44 characters"),
        ({"port": 70000}, "port"),
        ({"port": FIRST_PORT}, "another peer has port"),
        ({"user": "x\ny"}, "one line"),
        ({"team": "x" * 201}, "at most 200"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(row: dict[str, object], said: str, tmp_path: Path) -> None:
    path = tunnelpeers.peers_file(tmp_path)
    tunnelpeers.add(path, wanted())
    before = path.read_bytes()
    with pytest.raises(PeersError, match=said):
        tunnelpeers.add(path, wanted(**{"name": "bob"} | row))
    assert path.read_bytes() == before


def test_one_key_is_one_peer(tmp_path: Path) -> None:
    path = tunnelpeers.peers_file(tmp_path)
    first = tunnelpeers.add(path, wanted())
    with pytest.raises(PeersError, match="needs its own"):
        tunnelpeers.add(path, wanted("bob", key=first.key))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"peers": [{"name": "x"}]}', '{"peers": [{"name": "x", "more": 1}]}'])
def test_a_damaged_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tunnelpeers.peers_file(tmp_path)
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(PeersError, match="backup"):
        tunnelpeers.load(path)


def test_a_file_with_one_port_twice_or_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tunnelpeers.peers_file(tmp_path)
    tunnelpeers.add(path, wanted())
    told = json.loads(path.read_text())
    told["peers"].append(told["peers"][0] | {"name": "bob", "key": key(), "number": 2})
    path.write_text(json.dumps(told))
    with pytest.raises(PeersError, match="one port"):
        tunnelpeers.load(path)
    path.chmod(0o644)
    with pytest.raises(PeersError, match="chmod 600"):
        tunnelpeers.load(path)


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("weir.example", "weir.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "[2001:db8::1]"),
        ("[::1]", "[::1]"),
    ],
)
def test_the_configuration_names_the_place(host: str, place: str) -> None:
    peer = wanted(port=51821, number=7)
    text = tunnelpeers.client_config(peer, "the private one", "the server's", host, ["10.0.0.0/8", "::/0"])
    assert f"Endpoint = {place}:51821\n" in text
    assert "AllowedIPs = 10.0.0.0/8, ::/0\n" in text and "Address = 10.77.1.7/32, " in text
    assert "PrivateKey = the private one\n" in text and peer.key not in text


@pytest.mark.parametrize("host", ["", "a b", "weir.example:51820", "x\nPostUp = sh", "-x", "x/y"])
def test_a_host_that_is_none_gets_into_no_configuration(host: str) -> None:
    with pytest.raises(PeersError, match="no name or address"):
        tunnelpeers.check_host(host)
