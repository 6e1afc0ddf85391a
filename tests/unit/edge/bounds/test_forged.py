"""A name in TLS has to lead to the address of the connection, or the connection is looked into."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow

from harness.rig import Rig
from weir import settings
from weir.edge.bounds import forged
from weir.edge.bounds.forged import Names, doubtful
from weir.edge.trace import Link


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    async def ask(name: str) -> frozenset[str]:
        names.append(name)
        return frozenset({"198.51.100.7", "2001:db8::7"} if name == "a.example" else ())

    monkeypatch.setattr(forged, "_ask", ask)
    return names


def test_names_are_asked_about_once_a_minute(asked: list[str]) -> None:
    async def story() -> None:
        names = Names()
        assert await names.lead_to("a.example", "198.51.100.7")
        assert await names.lead_to("a.example", "::ffff:198.51.100.7")
        assert not await names.lead_to("a.example", "198.51.100.8")
        assert not await names.lead_to("nowhere.example", "198.51.100.7")

    asyncio.run(story())
    assert asked == ["a.example", "nowhere.example"]


@pytest.mark.parametrize(
    ("choice", "address", "passes", "rule"),
    [
        ("decrypt", "198.51.100.7", True, ""),
        ("decrypt", "203.0.113.1", False, ""),
        ("block", "203.0.113.1", True, "destination"),
    ],
)
def test_policy_decides(asked: list[str], choice: str, address: str, *, passes: bool, rule: str) -> None:
    chosen = settings.loads(f"version: 1\nmode: enforce\ndestinations: {{forged: {choice}}}")
    link = Link(started_us=0, sni="a.example")
    assert asyncio.run(Names().judge(chosen, link, address)) is passes
    assert (link.refused_by, link.refused) == (rule, bool(rule))


@pytest.mark.parametrize(
    ("sections", "mode", "sni", "destination", "asks"),
    [
        ({}, "regular", "a.example", "203.0.113.1", True),
        ({}, "socks5", "a.example", "2001:db8::1", True),
        ({}, "transparent", "a.example", "203.0.113.1", False),
        ({}, "regular", "a.example", "a.example", False),
        ({}, "regular", "", "203.0.113.1", False),
        ({"mode": "observe"}, "regular", "a.example", "203.0.113.1", False),
        ({"destinations": {"forged": "allow"}}, "regular", "a.example", "203.0.113.1", False),
        ({"intercept": {"exclude": ["203.0.113.1"]}}, "regular", "a.example", "203.0.113.1", False),
    ],
)
def test_who_has_to_prove_anything(
    tmp_path: Path, sections: dict[str, object], mode: str, sni: str, destination: str, *, asks: bool
) -> None:
    rig = Rig(tmp_path, **sections)
    client = tflow.tflow().client_conn
    client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    link = Link(started_us=0, sni=sni)
    assert doubtful(rig.state.snapshot, link, client, destination) is asks
    rig.close()
