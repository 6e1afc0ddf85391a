"""Addresses are looked at between asyncio's resolving and its connecting: once, and what was seen is connected to."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from mitmproxy import connection
from mitmproxy.proxy import mode_specs, server_hooks
from mitmproxy.test import tflow

from harness.rig import Rig
from weir.edge.bounds import destinations as module
from weir.edge.bounds.destinations import REFUSED, Destinations, on_this_machine
from weir.edge.trace import link_of
from weir.edge.wire.resolve import Resolve


def data(host: str, *, peer: str = "10.1.2.3", mode: str = "regular") -> server_hooks.ServerConnectionHookData:
    client = tflow.tflow().client_conn
    client.peername, client.sockname = (peer, 40000), ("10.0.0.1", 8080)
    client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    return server_hooks.ServerConnectionHookData(client=client, server=connection.Server(address=(host, 80)))


def found(*addresses: str) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in addresses]


def test_a_client_of_this_machine_needs_no_proxy_to_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_here", lambda ip: ip == "10.0.0.1")
    rig = Rig(tmp_path)
    one = data("10.0.0.1", peer="10.0.0.1")
    Destinations(rig.state, Resolve({})).server_connect(one)
    assert one.server.error is None
    rig.close()


@pytest.mark.parametrize(
    ("peer", "local"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", True), ("10.1.2.3", False)]
)
def test_clients_of_this_machine(peer: str, *, local: bool) -> None:
    assert on_this_machine(data("a.example", peer=peer).client) is local


async def _connects(rig: Rig, one: server_hooks.ServerConnectionHookData, *answers: list[Any]) -> Any:
    """What asyncio would connect to: the addresses left of the name's, or the error."""
    loop, left, asked = asyncio.get_running_loop(), list(answers), 0

    def ask(*_: Any, **__: Any) -> list[Any]:
        nonlocal asked
        asked += 1
        return left.pop(0)

    addon = Destinations(rig.state, Resolve({("named.example", 80): ("127.0.0.1", 80)}))
    addon._resolve.server_connect(one)
    addon.running()
    addon.running()  # twice is once
    addon.server_connect(one)
    if one.server.error:
        return one.server.error
    try:
        with patch.object(socket, "getaddrinfo", ask):
            got = await loop.getaddrinfo("whatever", 80)
    except OSError as error:
        return str(error)
    finally:
        assert asked == 1
    return [entry[4][0] for entry in got]


@pytest.mark.parametrize(
    ("host", "answer", "ai", "left"),
    [
        ("a.example", ["8.8.8.8"], True, ["8.8.8.8"]),
        ("a.example", ["10.0.0.7", "8.8.8.8"], True, ["8.8.8.8"]),
        ("a.example", ["10.0.0.7"], True, REFUSED),
        ("a.example", ["10.0.0.7"], False, ["10.0.0.7"]),
        ("a.example", ["127.0.0.1"], False, REFUSED),
        ("a.example", ["169.254.169.254"], False, REFUSED),
        ("10.0.0.7", [], True, REFUSED),
        ("169.254.169.254", [], False, REFUSED),
        ("named.example", ["127.0.0.1"], True, ["127.0.0.1"]),  # the operator's word
    ],
)
def test_what_is_connected_to(tmp_path: Path, host: str, answer: list[str], ai: bool, left: object) -> None:
    rig = Rig(tmp_path)
    one = data(host)
    if ai:
        link_of(one.client).bounds.ai_places.add((host, 80))
    assert asyncio.run(_connects(rig, one, found(*answer))) == left
    assert bool(link_of(one.client).bounds.no_way) is (left == REFUSED)
    rig.close()


def test_a_reverse_proxy_leads_where_its_operator_says(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    one = data("127.0.0.1", mode="reverse:http://127.0.0.1:80")
    link_of(one.client).bounds.ai_places.add(("127.0.0.1", 80))
    Destinations(rig.state, Resolve({})).server_connect(one)
    assert one.server.error is None and one.server in module._named
    rig.close()


def test_a_relay_is_closed_and_says_why(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    one = data("169.254.169.254")
    link = link_of(one.client)
    link.metered = True
    Destinations(rig.state, Resolve({})).server_connect(one)
    assert (link.refused, link.refused_by) == (True, "destination") and "metadata" in link.refused_why
    rig.close()


@pytest.mark.parametrize(
    ("host", "answer", "port", "left"),
    [
        ("127.0.0.1", [], 8080, REFUSED),
        ("0.0.0.0", [], 8080, REFUSED),
        ("OWN", [], 8080, REFUSED),
        ("::ffff:OWN", [], 8080, REFUSED),
        ("weir.example", ["OWN"], 8080, REFUSED),
        ("OWN", [], 8081, REFUSED),
        ("weir.example", ["OWN"], 8081, REFUSED),
        ("weir.example", ["OWN", "198.51.100.7"], 8081, ["198.51.100.7"]),
        ("weir.example", ["198.51.100.7"], 8080, ["198.51.100.7"]),
    ],
)
def test_nobody_is_led_to_weirs_own_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, answer: list[str], port: int, left: object
) -> None:
    """What comes out there would come from this machine: its loopback would be open to all, and its names theirs. And
    no firewall looks at what it sends to itself, whatever the address."""
    monkeypatch.setattr(module, "is_here", lambda ip, real=module.is_here: ip.endswith("10.0.0.1") or real(ip))
    rig = Rig(tmp_path)
    one = data(host.replace("OWN", "10.0.0.1"))
    one.server.address = (one.server.address[0], port)  # type: ignore[index]
    answers = found(*(text.replace("OWN", "10.0.0.1") for text in answer))
    wanted = [text.replace("OWN", "10.0.0.1") for text in left] if isinstance(left, list) else left
    if answer or wanted == REFUSED:
        assert asyncio.run(_connects(rig, one, answers)) == wanted
    else:
        Destinations(rig.state, Resolve({})).server_connect(one)
        assert one.server.error is None
    rig.close()


def test_what_is_of_this_machine() -> None:
    assert module.is_here("127.0.0.1") and module.is_here("0.0.0.0")
    assert not module.is_here("198.51.100.7")


def test_one_clients_slow_names_leave_threads_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = threading.Event()

    def look(name: str, *_: Any, **__: Any) -> list[Any]:
        if name == "slow.example":
            slow.wait(30)
        return found("198.51.100.7")

    async def ask(who: str, name: str) -> Any:
        module._who.set(who)
        return await asyncio.get_running_loop().getaddrinfo(name, 443)

    async def tell() -> None:
        monkeypatch.setattr(socket, "getaddrinfo", look)
        module._watch(asyncio.get_running_loop())
        many = [asyncio.create_task(ask("192.0.2.1", "slow.example")) for _ in range(module.LOOKUPS + 1)]
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(8):
                assert await ask("192.0.2.2", "a.example") == found("198.51.100.7")
        finally:
            slow.set()
            await asyncio.gather(*many)

    asyncio.run(tell())
