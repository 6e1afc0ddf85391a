"""weir's own WireGuard: each peer has a key and a port, and is who its key says, whatever its packets say."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.place import HOST, free_port
from e2e.raw import post
from e2e.support import House, chat_body, command, issue
from harness.canary import CANARIES
from harness.clients import trust
from harness.doubles import Doubles
from harness.processes import until
from harness.wireguard import Stream, Tunnel, datagram

pytestmark = pytest.mark.xdist_group("identity-connections")

ADDRESS = "198.51.100.7"
CONNECTIONS_MAX = 4
HTTPS_RECORD = b"\x12\x34\x01\x00" + b"\0\1" + bytes(6) + b"\3api\6openai\3com\0" + b"\0\x41\0\1"


def peer(data: Path, name: str, *options: str) -> dict[str, str]:
    """Make a peer as an operator does: what its configuration says."""
    text = command("wireguard", "peer", "add", name, "--data", str(data), "--endpoint", "127.0.0.1", *options)
    said = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    CANARIES.plant(said["PrivateKey"], "a WireGuard key")
    return said


def tunnel(said: dict[str, str], **other: str) -> Tunnel:
    host, _, port = other.get("Endpoint", said["Endpoint"]).rpartition(":")
    return Tunnel((host, int(port)), said["PrivateKey"], said["PublicKey"])


@pytest.fixture(scope="module")
def peers() -> dict[str, dict[str, str]]:
    return {}


@pytest.fixture(scope="module")
def place(
    start_module_house: Callable[..., House], shared_doubles: Doubles, peers: dict[str, dict[str, str]]
) -> Iterator[House]:
    def prepare(folder: Path) -> dict[str, object]:
        data = folder / "data"
        data.mkdir(mode=0o700)
        for name in ("ada", "bob"):
            peers[name] = peer(data, name, "--user", name, "--port", str(free_port(socket.SOCK_DGRAM)))
        return {"identity": {"required": True}, "limits": {"client_connections_max": CONNECTIONS_MAX}}

    resolve = ("--resolve", f"{ADDRESS}:443:127.0.0.1:{shared_doubles.tls}")
    yield start_module_house(key=False, options=["--mode", "wireguard", *resolve], prepare=prepare)


def ask(place: House, through: Tunnel, source: str = "10.77.1.1", key: str = "") -> bytes:
    context = trust(place.weir.ca)
    context.set_alpn_protocols(["http/1.1"])
    more = "Connection: close\r\n"
    key = key or place.doubles.keys["openai"]
    request = post(HOST, "/v1/chat/completions", chat_body("How high?"), key, more=more)
    return Stream(through, source, (ADDRESS, 443)).exchange(context, HOST, request)


def unanswered(said: dict[str, str], **other: str) -> None:
    with pytest.raises((TimeoutError, OSError)):
        tunnel(said, **other)


def test_two_peers_are_two_people_even_from_one_address(place: House, peers: dict[str, dict[str, str]]) -> None:
    place.begin()
    for name in ("ada", "bob"):
        through = tunnel(peers[name])
        got = ask(place, through)
        through.close()
        assert got.startswith(b"HTTP/1.1 200 "), got[:200]
    rows = place.until(2, "response")
    assert sorted((row["user"], row["auth_method"], row["auth_strength"]) for row in rows) == [
        ("ada", "peer", 2), ("bob", "peer", 2)
    ]  # fmt: skip
    assert {row["user"]: row["src_ip"] for row in rows} == {
        name: peers[name]["Address"].partition("/")[0] for name in ("ada", "bob")
    }


def test_no_address_that_a_peer_claims_lets_a_virtual_key_in(place: House, peers: dict[str, dict[str, str]]) -> None:
    """A stolen key that is good in one network only, used by a peer that writes that network into its packets."""
    place.begin()
    elsewhere, here = (issue(place.weir.data, "--networks", f"{one}/32") for one in ("10.20.3.4", "10.77.1.1"))
    through = tunnel(peers["ada"])
    assert ask(place, through, "10.20.3.4", elsewhere).startswith(b"HTTP/1.1 401 ")
    assert ask(place, through, "10.20.3.4", here).startswith(b"HTTP/1.1 200 ")
    through.close()
    assert {row["src_ip"] for row in place.until(1, "block")} == {"10.77.1.1"}


def test_no_peer_crowds_out_another_by_its_address(place: House, peers: dict[str, dict[str, str]]) -> None:
    theirs = peers["bob"]["Address"].partition("/")[0]
    ada, bob = tunnel(peers["ada"]), tunnel(peers["bob"])
    crowd = [Stream(ada, theirs, (ADDRESS, 443)) for _ in range(CONNECTIONS_MAX)]
    for one in crowd:
        one.send(b"\x16\x03\x01")
    assert ask(place, bob, theirs).startswith(b"HTTP/1.1 200 ")
    ada.close()
    bob.close()


def test_a_key_opens_no_other_port(
    place: House, peers: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.wireguard._TIMEOUT_S", 2.0)
    unanswered(peers["ada"], Endpoint=peers["bob"]["Endpoint"])


def test_names_are_answered_and_other_datagrams_are_dropped(place: House, peers: dict[str, dict[str, str]]) -> None:
    """HTTPS records, which would lead to ECH and HTTP/3, do not exist; QUIC gets no answer."""
    through = tunnel(peers["ada"])
    through.send(datagram("10.77.1.1", (ADDRESS, 443), b"\xc0" + bytes(1200)))
    through.send(datagram("10.77.1.1", ("10.77.0.53", 53), HTTPS_RECORD))
    answer = through.receive()
    through.close()
    sender, payload = struct.unpack_from(">H", answer, 20)[0], answer[28:]
    assert sender == 53
    assert payload[:2] == HTTPS_RECORD[:2] and payload[2] & 0x80 and payload[3] & 15 == 0 and payload[6:8] == b"\0\0"


def test_peers_come_and_go_while_weir_runs(
    place: House, peers: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.begin()
    data = place.weir.data
    new = peer(data, "eve", "--user", "eve", "--port", str(free_port(socket.SOCK_DGRAM)))
    standing = tunnel(peers["bob"])
    open_stream = Stream(standing, "10.77.1.2", (ADDRESS, 443))

    def reached() -> Tunnel | None:
        try:
            return tunnel(new)
        except OSError:
            return None

    monkeypatch.setattr("harness.wireguard._TIMEOUT_S", 1.0)
    through = until(reached, "the new peer's port")
    monkeypatch.setattr("harness.wireguard._TIMEOUT_S", 10.0)
    through = tunnel(new)
    assert ask(place, through).startswith(b"HTTP/1.1 200 ")
    through.close()
    assert {row["user"] for row in place.until(1, "response")} == {"eve"}
    command("wireguard", "peer", "remove", "bob", "--data", str(data))
    until(
        lambda: any("WireGuard peers changed: 2" in row.get("reason", "") for row in place.weir.records()), "bob gone"
    )
    monkeypatch.setattr("harness.wireguard._TIMEOUT_S", 2.0)
    unanswered(peers["bob"])
    with pytest.raises((TimeoutError, OSError)):  # what he had open leads nowhere
        open_stream.send(b"\x16\x03\x01")
        if not open_stream.receive():
            raise ConnectionResetError
    standing.close()


def test_private_keys_of_peers_are_kept_nowhere(place: House, peers: dict[str, dict[str, str]]) -> None:
    kept = b"".join(path.read_bytes() for path in place.weir.data.rglob("*") if path.is_file())
    for said in peers.values():
        assert said["PrivateKey"].encode() not in kept


def test_an_address_of_weirs_own_machine_cannot_be_had_by_claiming_it(
    place: House, peers: dict[str, dict[str, str]]
) -> None:
    """A peer writes any address into its packets, that of the machine, too, whose own programs may go to loopback."""
    through = tunnel(peers["ada"])
    with contextlib.ExitStack() as stack:
        inner = {}
        for source in ("10.77.1.1", "127.0.0.1", "127.0.0.2"):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            inner[listener] = source
            Stream(through, source, listener.getsockname()[:2]).send(b"GET / HTTP/1.1\r\nHost: inner\r\n\r\n")
        reached, _, _ = select.select(list(inner), [], [], 2.0)
        assert [inner[listener] for listener in reached] == []
    through.close()
