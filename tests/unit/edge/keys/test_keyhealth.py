"""What becomes of a company's key that a provider turns away, and who hears of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mitmproxy import http

from harness.processes import until
from harness.rig import Rig, chat
from weir.audit.record import AuditRecord
from weir.edge.keys import keyhealth
from weir.edge.state import State
from weir.edge.trace import Trace
from weir.keys.company import CompanyKey
from weir.keys.held import SecretStatus
from weir.keys.pool import Member, Pool
from weir.model import Secret

HOSTS = ("api.openai.com",)


def have(rig: Rig, count: int) -> CompanyKey:
    key = CompanyKey(Pool([Member(f"openai-{n}", Secret(f"real-{n}", hosts=HOSTS)) for n in range(1, count + 1)]))
    rig.state.snapshot = replace(rig.state.snapshot, secrets={"openai": key})
    return key


@pytest.fixture
def caller(rig: Rig) -> Callable[..., tuple[http.HTTPFlow, Trace]]:
    """Asks, always as the same caller."""
    key = rig.state.virtual_keys.create(app="crawler", team="finance")[1]

    def ask(text: str = "How high?", **headers: str) -> tuple[http.HTTPFlow, Trace]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        flow = rig.flow(chat(text), headers={"authorization": f"Bearer {key}", **named})
        return flow, rig.play(flow, "requestheaders", "request")

    return ask


def events(rig: Rig) -> list[str]:
    return [record.reason for record in rig.records if record.kind == "config"]


type Caller = Callable[..., tuple[http.HTTPFlow, Trace]]


def test_the_same_caller_keeps_its_key_until_that_is_over_its_rate(rig: Rig, caller: Caller) -> None:
    have(rig, 2)
    flow, trace = caller()
    first = trace.managed_key
    rig.reply(flow, b"{}", status=429, **{"retry-after": "40", "retry-after-ms": "40000"})
    assert flow.response is not None and flow.response.status_code == 429
    assert flow.response.headers["retry-after"] == "1" and "retry-after-ms" not in flow.response.headers
    assert events(rig) == [f"key {first} rests 40 s after 429"]
    assert {first, caller()[1].managed_key} == {"openai-1", "openai-2"}
    now = json.loads(keyhealth.status(rig.state))
    assert now["resting"] == [{"name": first, "status": 429}] and "real-" not in str(now)


def test_with_one_key_the_provider_says_how_long_to_wait(rig: Rig, caller: Caller) -> None:
    have(rig, 1)
    flow, _ = caller()
    rig.reply(flow, b"{}", status=429, **{"retry-after": "40"})
    assert flow.response is not None and flow.response.headers["retry-after"] == "40"


def test_what_a_provider_says_of_the_companys_key_is_not_the_clients_to_read(rig: Rig, caller: Caller) -> None:
    have(rig, 1)
    flow, trace = caller()
    rig.reply(flow, b'{"error": {"message": "Incorrect API key provided: rea*-1"}}', status=401)
    assert trace.look is not None and trace.look.refused, "the stream sends our answer then"
    assert flow.response is not None and flow.response.status_code == 503
    assert flow.response.headers["x-should-retry"] == "true" and flow.response.headers["retry-after"] == "1"
    assert events(rig) == ["key openai-1 rests 60 s after 401"]
    assert caller()[1].managed_key == "openai-1", "tried all the same when there is no other"
    record = next(record for record in rig.records if record.kind == "response")
    assert (record.http_status, record.rule_id, record.managed_key) == (503, "company-key", "openai-1")
    assert record.reason == "the provider turned the company's key openai-1 away (401)"


def test_nobody_puts_a_key_to_rest_by_naming_another_account(rig: Rig, caller: Caller) -> None:
    key = have(rig, 2)
    flow, _ = caller(openai_organization="org-of-somebody-else")
    rig.reply(flow, b"{}", status=401)
    assert events(rig) == [] and {one.state for one in key.health()} == {"good"}
    assert flow.response is not None and flow.response.headers["x-should-retry"] == "false"


def test_nobody_puts_everybodys_key_to_rest(rig: Rig, caller: Caller) -> None:
    key = have(rig, 2)
    flow, trace = caller()
    rig.reply(flow, b"{}")
    flow, again = caller()
    rig.reply(flow, b"{}", status=401)
    assert again.managed_key == trace.managed_key and {one.state for one in key.health()} == {"good"}
    who = again.principal.key_id
    assert events(rig) == [f"key {trace.managed_key} rests 60 s after 401, for {who} alone: others are answered"]
    assert caller()[1].managed_key != trace.managed_key


def test_a_client_with_a_key_of_its_own_hears_the_provider(rig: Rig) -> None:
    key = have(rig, 1)
    flow = rig.flow(chat(), headers={"authorization": "Bearer of-its-own"})
    rig.play(flow, "requestheaders", "request")
    rig.reply(flow, b"{}", status=401)
    assert flow.response is not None and flow.response.status_code == 401 and key.health()[0].state == "good"


def test_a_refusal_of_our_own_is_nothing_about_the_key(rig: Rig, caller: Caller) -> None:
    key = have(rig, 1)
    flow, trace = caller("deploy with AKIA" + "3QZ7TX5NWJ2KDLPV")
    assert flow.response is not None and trace.managed_key == ""
    rig.play(flow, "responseheaders", "response")
    assert key.health()[0].state == "good"


def told(state: str, problem: str = "") -> SecretStatus:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    return SecretStatus("keys.openai", "vault", state, now, now, now if problem else None, 1, False, problem)


def test_the_audit_hears_of_trouble_and_of_its_end() -> None:
    records: list[AuditRecord] = []
    events = keyhealth.SecretEvents(records.append)
    for status in (
        told("fresh"),
        told("stale", "Vault is sealed"),
        told("fresh"),
        told("fresh"),
        told("missing", "gone"),
    ):
        events(status)
    assert [(record.kind, record.reason) for record in records] == [
        ("config", "secret keys.openai is stale until 2026-11-21 12:00 UTC: Vault is sealed"),
        ("config", "secret keys.openai is fresh again"),
        ("config", "secret keys.openai is missing: gone"),
    ]


def test_other_commands_can_read_how_it_stands(rig: Rig, tmp_path: Path) -> None:
    addon, file = rig.addon("managed"), rig.state.data.run / "secrets.json"
    file.parent.mkdir(parents=True, exist_ok=True)

    async def run() -> None:
        addon.running()
        await asyncio.to_thread(until, file.exists, "the file")
        assert file.stat().st_mode & 0o077 == 0
        await addon.done()

    asyncio.run(asyncio.wait_for(run(), 60))
    until(lambda: not file.exists(), "the file's end")


def test_a_surprise_does_not_end_the_telling(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keyhealth, "_TELL_S", 0.01)
    addon, file, real, failed = rig.addon("managed"), rig.state.data.run / "secrets.json", keyhealth.status, []
    file.parent.mkdir(parents=True, exist_ok=True)

    def status(state: State) -> bytes:
        if len(failed) < 2:
            failed.append(1)
            raise RuntimeError("canary")
        return real(state)

    monkeypatch.setattr(keyhealth, "status", status)

    async def run() -> None:
        addon.running()
        await asyncio.to_thread(until, file.exists, "the file")
        await addon.done()

    asyncio.run(asyncio.wait_for(run(), 60))
    assert caplog.text.count("RuntimeError at keyhealth.py:") + caplog.text.count("RuntimeError at test_keyh") == 1
    assert "canary" not in caplog.text
