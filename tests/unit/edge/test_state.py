"""The policy in force, and what outlives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from harness.rig import Rig, chat, run
from weir.audit.record import AuditRecord
from weir.audit.spool.waiters import SpoolUnavailable
from weir.edge.trace import link_of, trace_of
from weir.model import Principal, Service, Status
from weir.providers.wire import depth


def test_limits_by_what_the_request_is(make_rig: Callable[..., Rig]) -> None:
    snapshot = make_rig(limits={"body_bytes_max": 100_000, "peek_bytes_max": 2_000}).state.snapshot
    assert (snapshot.body_limit(True), snapshot.body_limit(False)) == (100_000, 2_000)


def test_limits_of_the_process_are_those_of_the_policy_in_force(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    state = make_rig(limits={"json_depth_max": 20, "queues": {"dlp": 10, "dlp_small": 20, "identity": 64}}).state
    assert depth.levels_max() == 20
    depths = state.workers.depths()
    assert (depths["dlp"][1], depths["dlp-small"][1], depths["identity"][1], depths["parse"][1]) == (10, 20, 64, 512)
    usual = Rig(tmp_path / "usual").state
    assert depth.levels_max() == depth.LEVELS_MAX
    state.take(usual.snapshot)
    assert state.snapshot is usual.snapshot and state.workers.depths()["dlp"][1] == 256


def test_services_are_judged_by_the_lists(rig: Rig) -> None:
    judged = rig.state.snapshot.judged
    assert judged(Service("openai")).status is Status.SANCTIONED
    assert judged(Service("other")).status is Status.UNSANCTIONED


def test_services_are_judged_by_country_and_risk(make_rig: Callable[..., Rig]) -> None:
    lists = {"sanctioned": ["kimi"], "tolerated": ["country:DE"], "unsanctioned": ["country:CN", "risk:unknown"]}
    judged = make_rig(services=lists).state.snapshot.judged
    statuses = {
        name: judged(Service(name)).status for name in ("kimi", "deepseek-web", "deepl", "openai", "llm.example")
    }
    assert statuses == {
        "kimi": Status.SANCTIONED,
        "deepseek-web": Status.UNSANCTIONED,
        "deepl": Status.TOLERATED,
        "openai": Status.UNKNOWN,
        "llm.example": Status.UNSANCTIONED,
    }


def test_a_snapshot_does_not_change_under_an_exchange(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders")
    old, rig.state.snapshot = rig.state.snapshot, replace(rig.state.snapshot, secrets={})
    assert trace.snapshot is old
    assert rig.play(rig.flow(chat()), "requestheaders").snapshot is rig.state.snapshot
    with pytest.raises(FrozenInstanceError):
        old.secrets = {}  # type: ignore[misc]


def test_a_trace_begins_with_what_the_connection_knows(rig: Rig) -> None:
    flow = rig.flow(chat())
    link = link_of(flow.client_conn)
    link.principal = Principal(user="jane", method="basic", strength=2)
    trace = rig.state.trace(flow)
    assert trace is trace_of(flow) and trace.link is link and link.exchanges == 1
    assert trace.principal.user == "jane" and trace.method == "POST"
    second = rig.flow(chat())
    second.client_conn = flow.client_conn
    assert rig.state.trace(second).exchange_id != trace.exchange_id and link.exchanges == 2


@pytest.mark.parametrize("durability", ["strict", "available"])
@pytest.mark.parametrize(("on_failure", "waits"), [("block", True), ("allow", False)])
def test_below_the_floor_on_failure_decides(
    make_rig: Callable[..., Rig], durability: str, on_failure: str, waits: bool
) -> None:
    rig = make_rig(on_failure=on_failure, audit={"durability": durability})
    rig.ledger.full = True
    returned: Any = rig.state.record(AuditRecord(kind="config"))
    assert (returned is not None) is waits
    if waits:
        rig.ledger.down = "the disk has less free than audit.disk.floor"
        with pytest.raises(SpoolUnavailable):
            run(returned)
    else:
        assert len(rig.records) == 1


@pytest.mark.parametrize(("durability", "waits"), [("strict", True), ("available", False)])
def test_records_as_durable_as_policy_says(make_rig: Callable[..., Rig], durability: str, waits: bool) -> None:
    rig = make_rig(audit={"durability": durability})
    returned: Any = rig.state.record(AuditRecord(kind="config"))
    assert (returned is not None) is waits and len(rig.records) == (0 if waits else 1)
    run(returned)
    assert [r.kind for r in rig.records] == ["config"]
    rig.ledger.down = "no space"
    if waits:
        with pytest.raises(SpoolUnavailable):
            run(rig.state.record(AuditRecord(kind="config")))
