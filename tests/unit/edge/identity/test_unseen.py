"""Connections to AI services that nobody looks into: who may have one, and what the records say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from harness.rig import Rig, run
from weir.edge.identity.unseen import judge, service_of
from weir.edge.trace import Link, link_of
from weir.identity.sources import Answer
from weir.model import Principal

NETWORKS = [{"cidr": "10.1.0.0/16", "team": "finance"}, {"cidr": "10.2.0.0/16", "team": "legal"}]
PERMISSIONS = [{"id": "finance", "teams": "finance", "services": "openai", "models": "gpt-5*"}]


def metered(rig: Rig, host: str = "api.openai.com", peer: str = "10.1.2.3") -> Link:
    client = tflow.tclient_conn()
    client.peername, client.timestamp_start = (peer, 40000), 0
    link = link_of(client)
    link.host = link.sni = host
    link.metered, link.meter_reason = True, "excluded"
    data: Any = SimpleNamespace(context=SimpleNamespace(client=client), ignore_connection=True)
    connections = rig.addon("connections")
    run(connections.tls_clienthello(data))
    connections.client_disconnected(client)
    return link


def test_the_service_by_either_name(rig: Rig) -> None:
    for names in ({"sni": "api.openai.com"}, {"host": "api.openai.com", "sni": "shop.example"}):
        service = service_of(rig.state, Link(0, **names))
        assert service is not None and service.id == "openai" and service.status == "sanctioned"
    assert service_of(rig.state, Link(0, host="shop.example")) is None


@pytest.mark.parametrize(
    ("identity", "host", "peer", "rule", "allowed_by"),
    [
        ({"required": True}, "api.openai.com", "192.0.2.1", "identity-required", ""),
        ({"required": True}, "api.openai.com", "10.1.2.3", "", "identity-required"),
        ({"required": True, "strength": 2}, "api.openai.com", "10.1.2.3", "identity-strength", ""),
        ({"permissions": PERMISSIONS}, "api.openai.com", "10.1.2.3", "", "finance"),
        ({"permissions": PERMISSIONS}, "api.openai.com", "10.2.2.3", "identity-permissions", ""),
        ({"permissions": PERMISSIONS}, "api.anthropic.com", "10.1.2.3", "identity-permissions", ""),
        ({"required": True, "permissions": PERMISSIONS}, "shop.example", "192.0.2.1", "", ""),
        ({}, "api.openai.com", "192.0.2.1", "", ""),
    ],
)
@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_who_may(
    make_rig: Callable[..., Rig], identity: Any, host: str, peer: str, rule: str, allowed_by: str, mode: str
) -> None:
    rig = make_rig(mode=mode, identity={"networks": NETWORKS, **identity})
    link = metered(rig, host, peer)
    assert link.refused is bool(rule and mode == "enforce")
    kinds = [record.kind for record in rig.records]
    assert kinds == (["block"] if link.refused else ["request", "meter"])
    for record in rig.records:
        assert (record.rule_id, record.verdict) == (rule, "block" if rule else "allow")
        assert record.action == ("block" if link.refused else "allow") and record.mode == mode
        assert record.identity_rule == allowed_by and record.inspection == "metered"
        assert record.auth_asked.startswith("network=")


def test_what_the_connection_shows_and_is_wrong(make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig()
    monkeypatch.setattr(
        "weir.edge.identity.evidence.answers", lambda *_: {"certificate": Answer(None, "of another CA")}
    )
    assert metered(rig).refused
    assert rig.records[-1].rule_id == "identity-required" and "certificate" in rig.records[-1].reason


def test_what_takes_work_is_waited_for(make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(*_: object) -> dict[str, Answer]:
        await asyncio.sleep(0)
        return {"network": Answer(Principal(team="slow", method="network", strength=1))}

    monkeypatch.setattr("weir.edge.identity.evidence.answers", slowly)
    rig = make_rig(identity={"required": True})
    link = metered(rig)
    assert not link.refused and link.principal.team == "slow"
    client = tflow.tclient_conn()
    link = link_of(client)
    waits = judge(rig.state, link, client)
    assert waits is not None
    run(waits)
    assert link.principal.team == "slow"
