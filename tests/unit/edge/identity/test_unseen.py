"""Connections to AI services that nobody looks into: who may have one, and what the records say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection
from mitmproxy.test import tflow

from harness.rig import Rig, run
from weir.edge.identity.unseen import again, judge, service_of
from weir.edge.process.workers import WorkersBusy
from weir.edge.trace import Link, link_of
from weir.identity.desk import Said
from weir.identity.sources import Answer, Outcome
from weir.model import Principal, Service

NETWORKS = [{"cidr": "10.1.0.0/16", "team": "finance"}, {"cidr": "10.2.0.0/16", "team": "legal"}]
PERMISSIONS = [{"id": "finance", "teams": "finance", "services": "openai", "models": "gpt-5*"}]


def opened(rig: Rig, host: str = "api.openai.com", peer: str = "10.1.2.3") -> tuple[Link, connection.Client]:
    client = tflow.tclient_conn()
    client.peername, client.timestamp_start = (peer, 40000), 0
    link = link_of(client)
    link.host = link.sni = host
    link.metered, link.meter_reason = True, "excluded"
    data: Any = SimpleNamespace(context=SimpleNamespace(client=client), ignore_connection=True)
    run(rig.addon("connections").tls_clienthello(data))
    return link, client


def metered(rig: Rig, host: str = "api.openai.com", peer: str = "10.1.2.3") -> Link:
    link, client = opened(rig, host, peer)
    rig.addon("connections").client_disconnected(client)
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


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_one_that_stands_ends_with_what_allowed_it(make_rig: Callable[..., Rig], mode: str) -> None:
    identity = {"networks": NETWORKS, "permissions": PERMISSIONS}
    rig = make_rig(mode=mode, identity=identity)
    link, client = opened(rig)
    other, _ = opened(rig, "shop.example", "10.2.2.3")
    run(again(rig.state))
    assert not link.overtaken and not link.refused_by and link.identity_rule == "finance"
    rig.state.snapshot = make_rig(
        mode=mode, identity={"networks": NETWORKS[1:], "permissions": PERMISSIONS}
    ).state.snapshot
    run(again(rig.state))
    assert link.overtaken is (mode == "enforce") and link.refused_by == "identity-permissions"
    assert not other.overtaken and not other.refused_by, "what leads to no AI service"
    rig.addon("connections").client_disconnected(client)
    record = rig.records[-1]
    assert (record.kind, record.rule_id, record.verdict) == ("meter", "identity-permissions", "block")
    assert record.team == "finance" and record.identity_rule == "", "whose bytes these were"


def test_one_that_stands_ends_with_the_hours(make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_790_000_000.0 // 86_400 * 86_400 + 17.9 * 3600]
    monkeypatch.setattr("weir.edge.identity.unseen.time", SimpleNamespace(time=lambda: clock[0]))
    permissions = [{"id": "office", "teams": "finance", "hours": "08:00-18:00"}]
    rig = make_rig(identity={"networks": NETWORKS, "permissions": permissions})
    link, client = opened(rig)
    run(again(rig.state))
    assert not link.overtaken and link.identity_rule == "office"
    clock[0] += 600.0
    run(again(rig.state))
    assert link.overtaken
    rig.addon("connections").client_disconnected(client)
    record = rig.records[-1]
    assert (record.kind, record.action, record.rule_id) == ("meter", "block", "identity-permissions")
    assert record.reason.startswith("hours not allowed")


def test_one_that_leads_to_a_service_only_now(make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig(identity={"networks": NETWORKS[1:], "required": True})
    link, _ = opened(rig, "llm.corp.example")
    run(again(rig.state))
    assert not link.overtaken
    service = Service("in-house", "In-house")
    monkeypatch.setattr("weir.edge.identity.unseen.service_of", lambda *_: service)
    run(again(rig.state))
    assert link.overtaken and link.service == "in-house" and link.refused_by == "identity-required"


@pytest.mark.parametrize("how", ["down", "busy"])
def test_one_that_stands_is_not_cut_off_for_what_nobody_can_say(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    rig = make_rig(identity={"networks": NETWORKS, "required": True})
    link, _ = opened(rig)

    def ask(*_: object) -> Any:
        if how == "busy":
            raise WorkersBusy
        assert settled is not None
        return settled._replace(outcome=Outcome(refused="basic: x"), said=Said(down=True))

    settled = link.settled
    monkeypatch.setattr("weir.edge.identity.unseen.of_connection", ask)
    run(again(rig.state))
    assert not link.refused and not link.overtaken and link.principal.team == "finance"
