"""Which servers weir's own WireGuard has, and why each peer has one of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import mitmproxy_rs
import pytest
from mitmproxy.proxy.mode_specs import ProxyMode

from harness.rig import Rig
from harness.wireguard import Stream, Tunnel
from weir.edge.wire.tunnels import Tunnels
from weir.identity.tunnelpeers import PeersError, TunnelPeer, add, as_bytes, make_key, public_of, remove


def peer(name: str, **other: object) -> TunnelPeer:
    key = public_of(as_bytes(make_key()))
    return TunnelPeer(**{"name": name, "key": key, "port": 0, "number": 0, "user": name} | other)  # type: ignore[arg-type]


def test_behind_one_port_two_keys_cannot_be_told_apart() -> None:
    """The belief that one port a peer rests on: mitmproxy's streams tell nothing of the key that they came with."""
    wireguard = mitmproxy_rs.wireguard
    server, keys, told = wireguard.genkey(), [wireguard.genkey(), wireguard.genkey()], list[dict[str, object]]()
    names = ("peername", "sockname", "original_src", "original_dst", "remote_endpoint", "pid", "process_name", "peer")

    async def go() -> None:
        async def tcp(stream: mitmproxy_rs.Stream) -> None:
            told.append({name: stream.get_extra_info(name, "") for name in names})
            stream.write(b"seen")
            await stream.drain()

        async def udp(stream: mitmproxy_rs.Stream) -> None:
            stream.close()

        publics = [wireguard.pubkey(key) for key in keys]
        listening = await wireguard.start_wireguard_server("127.0.0.1", 0, server, publics, tcp, udp)

        def come(key: str) -> None:
            through = Tunnel(listening.getsockname(), key, wireguard.pubkey(server))
            assert Stream(through, "10.77.1.1", ("198.51.100.7", 443)).receive() == b"seen"
            through.close()

        for key in keys:
            await asyncio.to_thread(come, key)
        listening.close()
        await listening.wait_closed()

    asyncio.run(go())
    said = [{str(value) for value in row.values()} for row in told]
    assert len(said) == 2
    assert all(wireguard.pubkey(key) not in value for row in said for value in row for key in keys)
    assert told[0]["peername"][0] == told[1]["peername"][0] == "10.77.1.1"  # type: ignore[index]


def test_the_mode_stands_for_all_peers(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    for name in ("ada", "bob"):
        add(rig.state.data.path / "wireguard-peers.json", peer(name))
    asked = ["regular@8080", "wireguard", "socks5@1080"]
    modes = Tunnels(rig.state, asked, "0.0.0.0").modes()
    assert [modes[0], modes[3]] == ["regular@8080", "socks5@1080"]
    parsed = [ProxyMode.parse(mode) for mode in modes[1:3]]
    assert [(one.type_name, one.listen_host(), one.listen_port()) for one in parsed] == [
        ("wireguard", "0.0.0.0", 51820), ("wireguard", "0.0.0.0", 51821)
    ]  # fmt: skip
    for host, listens in (("::1", "::1"), ("", "")):
        one = ProxyMode.parse(Tunnels(rig.state, ["wireguard"], host).modes()[0])
        assert (one.listen_host(), one.listen_port()) == (listens, 51820)
    assert Tunnels(rig.state, ["regular", "wireguard:/a.conf"], "").modes() == ["regular", "wireguard:/a.conf"]


def test_whoever_comes_back_as_somebody_else_has_another_server(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    path, tunnels = rig.state.data.path / "wireguard-peers.json", Tunnels(rig.state, ["wireguard"], "127.0.0.1")
    first = add(path, peer("ada"))
    (before,) = tunnels.modes()
    remove(path, "ada")
    add(path, peer("ada", key=first.key, team="finance"))
    (after,) = tunnels.modes()
    assert before != after and before.rpartition("@")[2] == after.rpartition("@")[2]


def test_a_damaged_file_leaves_those_in_force(make_rig: Callable[..., Rig], caplog: pytest.LogCaptureFixture) -> None:
    rig = make_rig()
    path, tunnels = rig.state.data.path / "wireguard-peers.json", Tunnels(rig.state, ["wireguard"], "127.0.0.1")
    add(path, peer("ada"))
    tunnels.modes()
    path.write_bytes(b"{")
    with caplog.at_level(logging.ERROR, "weir"):
        asyncio.run(tunnels.follow())
    assert "those in force stay" in caplog.text and len(tunnels.peers) == 1
    with pytest.raises(PeersError):
        Tunnels(rig.state, ["wireguard"], "").modes()
