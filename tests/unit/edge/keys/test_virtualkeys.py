"""A virtual key is asked about at each step of an exchange, and refused at the first that shows it is no good."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from threading import Event, Timer
from typing import Any

import pytest
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from harness.rig import REAL_KEY, Rig, chat
from weir.addresses import network
from weir.edge.keys import virtualkeys
from weir.edge.keys.virtualkeys import Keyholders
from weir.edge.trace import trace_of
from weir.keys import credentials, raw
from weir.keys.virtual import STALE_S, KeyBudget, VirtualKeys


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"networks": [network("10.20.0.0/16")]}, "network"),
        ({"services": ["anthropic"]}, "service"),
        ({"operations": ["embeddings"]}, "operation"),
    ],
)
def test_what_headers_can_tell_is_decided_before_the_body_is_read(rig: Rig, given: dict[str, Any], why: str) -> None:
    record, key = rig.state.virtual_keys.create(app="a", **given)
    flow = rig.flow(chat(), headers=bearer(key), peer="10.1.2.3")
    trace = rig.play(flow, "requestheaders")
    assert flow.response is not None and flow.response.status_code == 401
    assert why in trace.refused_why and trace.principal.key_id == record.id
    rig.play(flow, "request")
    assert rig.records[-1].rule_id == "virtual-key" and rig.records[-1].key_id == record.id
    assert trace.hold is None


def test_a_revoked_key_holds_no_room_in_anybodys_budget(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    record, key = rig.state.virtual_keys.create(app="a", budget=KeyBudget.parse("1/day"))
    assert rig.state.limits is not None
    rig.state.virtual_keys.revoke(record.id)
    rig.play(flow := rig.flow(chat(), headers=bearer(key)), "requestheaders", "request")
    assert flow.response is not None and rig.state.admission is None


@pytest.mark.parametrize(("peer", "good"), [("10.20.1.1", True), ("::ffff:10.20.1.1", True), ("10.21.1.1", False)])
def test_where_it_comes_from(rig: Rig, peer: str, good: bool) -> None:
    _, key = rig.state.virtual_keys.create(app="a", networks=[network("10.20.0.0/16")])
    flow = rig.flow(chat(), headers=bearer(key), peer=peer)
    rig.play(flow, "requestheaders", "request", until="keys")
    assert (flow.response is None) == good


@pytest.mark.parametrize(
    ("body", "good"), [(chat(), True), (chat(model="gpt-4o"), False), (b'{"messages": []}', False)]
)
def test_the_model_in_the_body(rig: Rig, body: bytes, good: bool) -> None:
    _, key = rig.state.virtual_keys.create(app="a", models=["gpt-5*"])
    flow = rig.flow(body, headers=bearer(key))
    trace = rig.play(flow, "requestheaders", "request", until="keys")
    assert (flow.response is None) == good
    assert good or REAL_KEY not in str(flow.request.headers)
    assert good or "model" in trace.refused_why or trace.verdict.action.word == "block"


def test_on_a_busy_machine_a_key_just_issued_is_no_unknown_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    (_, key), look, seen, there = rig.state.virtual_keys.create(app="a"), VirtualKeys.lookup, Future[None](), Event()
    monkeypatch.setattr(VirtualKeys, "fresh", lambda *_: seen)
    monkeypatch.setattr(VirtualKeys, "lookup", lambda ring, value: look(ring, value) if there.is_set() else None)
    Timer(2.5, lambda: (there.set(), seen.set_running_or_notify_cancel() and seen.set_result(None))).start()
    rig.play(flow := rig.flow(chat(), headers=bearer(key)), "requestheaders")
    assert flow.response is None


def test_reading_needs_no_model(rig: Rig) -> None:
    _, key = rig.state.virtual_keys.create(app="a", models=["gpt-5*"])
    flow = rig.flow(method="GET", path="/v1/models", headers=bearer(key))
    rig.play(flow, "requestheaders", "request", until="keys")
    assert flow.response is None


def test_a_store_that_is_stale_is_no_fault_of_the_callers(rig: Rig) -> None:
    clock = [0.0]
    rig.state.virtual_keys = VirtualKeys(rig.state.data.path / "limits.db", b"v" * 32, clock=lambda: clock[0])
    _, key = rig.state.virtual_keys.create(app="a")
    clock[0] += STALE_S + 1
    flow = rig.flow(chat(), headers=bearer(key))
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 503 and "retry-after" in flow.response.headers
    assert trace.refused_by == "virtual-key" and rig.records[-1].action == "block"


def test_uses_are_noted_when_the_real_key_went_in(rig: Rig) -> None:
    keys = rig.state.virtual_keys
    _, key = keys.create(app="a", models=["gpt-5*"])
    rig.play(rig.flow(chat(), headers=bearer(key), peer="10.7.7.7"), "requestheaders", "request")
    rig.play(rig.flow(chat(model="gpt-4o"), headers=bearer(key)), "requestheaders", "request")
    keys.write_uses()
    ((_, uses),) = keys.every()
    assert (uses.count, uses.address) == (1, "10.7.7.7")


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  a thread changes it
        await asyncio.sleep(0.01)


def during(rig: Rig, body: Callable[[Keyholders], Any]) -> None:
    async def main() -> None:
        holders: Keyholders = rig.addon("keyholders")
        holders.running()
        try:
            await asyncio.wait_for(body(holders), 60)
        finally:
            await holders.done()

    asyncio.run(main())


def test_a_key_another_process_has_just_issued_is_waited_for(rig: Rig) -> None:
    other = VirtualKeys(rig.state.virtual_keys.where, b"v" * 32)
    rig.state.virtual_keys.create(app="first")

    async def body(_: Keyholders) -> None:
        for _ in range(3):
            _, key = other.create(app="a")
            flow = rig.flow(chat(), headers=bearer(key))
            for addon in rig.addons:
                hook = getattr(addon, "requestheaders", None)
                waits = hook(flow) if hook else None
                if waits is not None:
                    await waits
            trace = trace_of(flow)
            assert flow.response is None and trace is not None and trace.principal.app == "a"

    during(rig, body)


def test_the_audit_is_told_when_the_store_goes_and_comes_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtualkeys, "LOOK_S", 0.01)
    where = rig.state.virtual_keys.where
    record, _ = rig.state.virtual_keys.create(app="a")
    assert not isinstance(where, str)

    def told() -> list[str]:
        return [row.reason for row in rig.records if row.kind == "config"]

    async def body(_: Keyholders) -> None:
        where.rename(where.with_name("away"))
        await until(lambda: any("can't be read" in text for text in told()))
        where.with_name("away").rename(where)
        await until(lambda: any("can be read again" in text for text in told()))
        rig.state.virtual_keys.revoke(record.id)
        with sqlite3.connect(where) as database:  # as an old backup would
            database.execute("UPDATE weir_keys SET revoked = NULL")
            database.execute("UPDATE weir_keys_state SET changes = changes - 1")
        await until(lambda: any("1 revoked keys came back" in text for text in told()))

    during(rig, body)


@pytest.fixture
def talk(rig: Rig) -> Callable[..., Any]:
    """Open a socket with a key."""

    def make(key: str) -> Any:
        flow = rig.flow(b"", path="/v1/realtime?model=gpt-realtime", method="GET", headers=bearer(key))
        flow.request.headers["connection"], flow.request.headers["upgrade"] = "upgrade", "websocket"
        rig.play(flow, "requestheaders", "request")
        assert flow.response is None
        flow.websocket = tflow.twebsocketflow().websocket
        assert flow.websocket is not None
        flow.websocket.messages.clear()
        rig.play(flow, "websocket_start")
        return flow

    return make


def say(rig: Rig, flow: Any, data: bytes) -> WebSocketMessage:
    message = WebSocketMessage(Opcode.TEXT, True, data)
    flow.websocket.messages.append(message)
    rig.play(flow, "websocket_message")
    return message


def test_a_key_ends_while_a_socket_is_open(rig: Rig, talk: Callable[..., Any]) -> None:
    keys = rig.state.virtual_keys
    record, key = keys.create(app="a")
    flow = talk(key)
    assert not say(rig, flow, b'{"type": "input_text", "text": "hello"}').dropped
    keys.revoke(record.id)
    assert say(rig, flow, b'{"type": "input_text", "text": "more"}').dropped
    trace = trace_of(flow)
    assert trace and trace.abort.startswith("virtual-key") and "revoked" in trace.refused_why


def test_a_message_that_names_another_model(rig: Rig, talk: Callable[..., Any]) -> None:
    _, key = rig.state.virtual_keys.create(app="a", models=["gpt-realtime"])
    flow = talk(key)
    assert not say(rig, flow, b'{"type": "response.create"}').dropped
    other = {"type": "session.update", "session": {"model": "gpt-5"}}
    assert say(rig, flow, json.dumps(other).encode()).dropped


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often keys were looked up, and how often a request was looked through for credentials."""
    counted: Counter[str] = Counter()

    def watch(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*given: Any, **more: Any) -> Any:
            counted[name] += 1
            return real(*given, **more)

        monkeypatch.setattr(owner, name, call)

    for owner, name in ((VirtualKeys, "look_at"), (VirtualKeys, "digest_of"), (credentials, "find"), (raw, "find")):
        watch(owner, name)
    return counted


def test_a_request_is_looked_through_once_and_its_key_looked_up_once_a_step(rig: Rig, work: Counter[str]) -> None:
    _, key = rig.state.virtual_keys.create(app="a")
    flow = rig.flow(chat(), headers=bearer(key))
    rig.play(flow, "requestheaders")
    assert work == {"find": 1, "digest_of": 1, "look_at": 1}
    rig.play(flow, "request")
    assert work == {"find": 1, "digest_of": 1, "look_at": 2}
    assert flow.request.headers["authorization"] == f"Bearer {REAL_KEY}"


def test_a_request_that_became_another_is_looked_through_again(rig: Rig, work: Counter[str]) -> None:
    _, key = rig.state.virtual_keys.create(app="a")
    flow = rig.flow(chat(), headers={"x-first": "1", **bearer(key)})
    rig.play(flow, "requestheaders")
    del flow.request.headers["x-first"]
    rig.play(flow, "request")
    assert work["find"] == 2 and flow.request.headers["authorization"] == f"Bearer {REAL_KEY}"


def test_where_others_take_their_keys_is_looked_too(rig: Rig, work: Counter[str]) -> None:
    _, key = rig.state.virtual_keys.create(app="a")
    trace = rig.play(rig.flow(chat(), headers={**bearer(key), "x-api-key": "sk-ant-of-somebody"}), "requestheaders")
    assert work["find"] == 2 and len(trace.raw) == 1


def test_a_key_that_is_revoked_between_two_steps(rig: Rig) -> None:
    record, key = rig.state.virtual_keys.create(app="a")
    flow = rig.flow(chat(), headers=bearer(key))
    rig.play(flow, "requestheaders")
    rig.state.virtual_keys.revoke(record.id)
    trace = rig.play(flow, "request")
    assert flow.response is not None and "revoked" in trace.refused_why


def test_a_rotated_key_ends_with_its_grace(rig: Rig) -> None:
    record, old = rig.state.virtual_keys.create(app="a")
    rig.state.virtual_keys.rotate(record.id, timedelta(0))
    flow = rig.flow(chat(), headers=bearer(old))
    trace = rig.play(flow, "requestheaders")
    assert flow.response is not None and "replaced" in trace.refused_why and trace.principal.key_id == record.id


def test_a_surprise_does_not_end_the_watch(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(virtualkeys, "LOOK_S", 0.01)
    keys, steps = rig.state.virtual_keys, []

    def break_off() -> None:
        steps.append(1)
        raise RuntimeError("canary")

    monkeypatch.setattr(keys, "break_off", break_off)

    async def body(_: Keyholders) -> None:
        await until(lambda: len(steps) > 1)
        monkeypatch.setattr(keys, "_why", "gone")
        await until(lambda: any("can't be read" in row.reason for row in rig.records))

    during(rig, body)
    assert "could not be watched: RuntimeError at test_virtualkeys.py:" in caplog.text and "canary" not in caplog.text
