"""How many come in; who is turned away is told, and not each by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection, ctx
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from harness.rig import Rig
from weir.edge.bounds import doors as module
from weir.edge.bounds.doors import LED_BACK, Doors, place_of
from weir.identity.processes import Caller


def client(address: str = "10.1.2.3") -> connection.Client:
    made = tflow.tflow().client_conn
    made.peername, made.error = (address, 40000), None
    return made


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Doors, Rig], Any]], None]:
    addons = SimpleNamespace(get=lambda _: SimpleNamespace(connections={}))
    monkeypatch.setattr(ctx, "master", SimpleNamespace(addons=addons), raising=False)
    monkeypatch.setattr(module, "TELL_S", 0.05)

    def play(tell: Callable[[Doors, Rig], Any]) -> None:
        rig = Rig(tmp_path, limits={"client_connections_max": 2, "connections_max": 16})
        asyncio.run(tell(Doors(rig.state), rig))
        rig.close()

    return play


def test_of_one_address(story: Callable[..., None]) -> None:
    async def tell(doors: Doors, rig: Rig) -> None:
        inside = [client(), client()]
        for one in inside:
            doors.client_connected(one)
            assert one.error is None
        for _ in range(5):
            late = client()
            doors.client_connected(late)
            assert late.error
            doors.client_disconnected(late)
        doors.client_connected(other := client("10.9.9.9"))
        assert other.error is None
        doors.client_disconnected(inside[0])
        doors.client_connected(again := client())
        assert again.error is None
        await asyncio.sleep(0.2)
        assert [(r.rule_id, r.action, r.src_ip) for r in rig.records] == [("limit", "block", "10.1.2.3")] * 2
        assert rig.records[1].extra == '{"tries":"4"}'  # the four that came after the first

    story(tell)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_is_counted_together(address: str, place: str) -> None:
    assert place_of(address) == place


def test_a_host_has_a_whole_network_of_ipv6_and_one_share(story: Callable[..., None]) -> None:
    async def tell(doors: Doors, rig: Rig) -> None:
        inside = [client(f"2001:db8:1:2::{n}") for n in range(4)]
        for one in inside:
            doors.client_connected(one)
        assert [bool(one.error) for one in inside] == [False, False, True, True]
        doors.client_connected(other := client("2001:db8:1:3::1"))
        assert other.error is None
        for one in (*inside, other):
            doors.client_disconnected(one)
        assert not (doors._open or doors._inside)
        assert rig.records[0].src_ip == "2001:db8:1:2::2"

    story(tell)


HERE, THERE = ("10.0.0.5", 40_000), ("203.0.113.9", 443)


def upstream(begins: tuple[Any, ...], ends: tuple[Any, ...]) -> Any:
    return SimpleNamespace(server=SimpleNamespace(sockname=begins, peername=ends), client=client())


@pytest.mark.parametrize("first", ["in", "out"])
@pytest.mark.parametrize("mapped", ["", "::ffff:"])
def test_weirs_own_connection_that_is_led_back_is_ended(first: str, mapped: str, story: Callable[..., None]) -> None:
    async def tell(doors: Doors, rig: Rig) -> None:
        own, inner = upstream(HERE, THERE), client()
        inner.peername, inner.sockname = ((mapped + a, p, 0, 0) for a, p in (HERE, THERE))
        steps = [lambda: doors.client_connected(inner), lambda: doors.server_connected(own)]
        for step in steps if first == "in" else steps[::-1]:
            assert not inner.error
            step()
        assert inner.error == LED_BACK
        (record,) = rig.records
        assert (record.action, record.rule_id, record.reason) == ("block", "limit", LED_BACK)
        doors.client_disconnected(inner)
        doors.server_disconnected(own)
        assert not (doors._open or doors._inside or doors._in or doors._out)

    story(tell)


@pytest.mark.parametrize(
    ("uid", "caller", "ends"),
    [
        (990, Caller(990), True),
        (990, Caller(1000), False),
        (990, None, False),
        (0, Caller(0, os.getpid(), str(Path("/proc/self/exe").readlink())), True),
        (0, Caller(0, os.getpid(), "/usr/bin/curl"), False),
        (0, Caller(0, 1, str(Path("/proc/self/exe").readlink())), os.getsid(1) == os.getsid(0)),
        (0, Caller(0), False),
    ],
)
def test_a_redirected_connection_of_another_worker_is_ended(
    uid: int, caller: Caller | None, ends: bool, story: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_caller", lambda *_, **__: caller)
    monkeypatch.setattr(module.os, "geteuid", lambda: uid)

    async def tell(doors: Doors, rig: Rig) -> None:
        inner = client("127.0.0.1")
        inner.sockname, inner.proxy_mode = THERE, ProxyMode.parse("transparent")
        waits = doors.client_connected(inner)
        assert waits is not None
        await waits
        assert (inner.error == LED_BACK) is ends
        doors.client_disconnected(inner)
        far = client("198.51.100.7")
        far.sockname, far.proxy_mode = THERE, ProxyMode.parse("transparent")
        assert doors.client_connected(far) is None  # of another machine
        doors.client_disconnected(far)
        assert not (doors._open or doors._inside or doors._in)

    story(tell)


def test_a_port_that_two_connections_share_is_no_loop(story: Callable[..., None]) -> None:
    """Linux gives one port to several connections of one address as long as they lead to different places."""

    async def tell(doors: Doors, rig: Rig) -> None:
        doors.server_connected(upstream(HERE, THERE))
        doors.server_connected(upstream((), ()))
        other = client()
        other.peername, other.sockname = HERE, ("203.0.113.10", 443)
        doors.client_connected(other)
        assert not other.error and not rig.records

    story(tell)


def test_of_all_and_nothing_is_left_behind(story: Callable[..., None]) -> None:
    async def tell(doors: Doors, rig: Rig) -> None:
        inside = [client(f"10.0.0.{n}") for n in range(20)]
        for one in inside:
            doors.client_connected(one)
        assert [bool(one.error) for one in inside] == [False] * 16 + [True] * 4
        for one in inside:
            doors.client_disconnected(one)
        assert not (doors._open or doors._inside or doors._clocks)
        assert rig.records[0].reason == "connections over the limit"

    story(tell)


def test_at_the_end_the_rest_is_told_at_once(story: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TELL_S", 0.05)

    async def tell(doors: Doors, rig: Rig) -> None:
        for _ in range(6):
            doors.client_connected(client())
        doors.flush()
        assert [r.extra for r in rig.records][-1] == '{"tries":"3"}' and len(rig.records) == 2
        await asyncio.sleep(0.2)
        doors.flush()
        assert len(rig.records) == 2, "and once"

    story(tell)
