"""The end of the process: nothing new comes in, what runs may finish, and the audit is written whole."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import ctx

from harness.rig import Rig, chat
from weir.edge.bounds.farewell import Farewell
from weir.edge.process import drain
from weir.edge.process.drain import Drain
from weir.edge.trace import Trace, open_traces


class House:
    """mitmproxy's servers and the audit, writing down what is done to them in what order."""

    def __init__(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self.rig = rig
        self.handlers: list[Any] = []
        servers = SimpleNamespace(servers=self, connections={})
        self.connections = servers.connections
        monkeypatch.setattr(ctx, "master", SimpleNamespace(addons={"proxyserver": servers}), raising=False)
        # Flows of other tests may still be alive.
        monkeypatch.setattr(drain, "open_traces", lambda: [t for t in open_traces() if t.state is rig.state])
        monkeypatch.setattr(drain, "POLL_S", 0.001)
        close = rig.ledger.close
        monkeypatch.setattr(rig.ledger, "close", lambda s: (self.steps.append("audit closed"), close(s))[1])
        self.addon = Drain(rig.state, SimpleNamespace(close_all=lambda: self.steps.append("last records")))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    async def update(self, modes: list[str]) -> None:
        assert modes == []
        self.steps.append("listeners closed")

    def running(self) -> Trace:
        self.flow = self.rig.flow(chat())
        return self.rig.play(self.flow, "requestheaders")


@pytest.fixture
def house(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(rig, monkeypatch)


def test_the_order(house: House) -> None:
    for name, last in (("doors", "flush"), ("reload", "stop")):
        say = SimpleNamespace(**{last: lambda name=name: house.steps.append(name)})
        ctx.master.addons[name] = say  # type: ignore[index]
    parting = SimpleNamespace(
        farewells=[Farewell()],
        server_event=_noting(house.steps),
        transports={},
        client=None,
        timeout_watchdog=SimpleNamespace(last_activity=0.0),
    )
    house.connections["1"] = parting
    asyncio.run(house.addon.done())
    assert house.steps == ["listeners closed", "told to go", "last records", "doors", "reload", "audit closed"]
    assert house.rig.state.draining and house.rig.ledger.closed


def _noting(steps: list[str]) -> Callable[[object], Awaitable[None]]:
    async def note(_: object) -> None:
        steps.append("told to go")

    return note


def test_it_waits_for_what_runs_and_no_longer(house: House) -> None:
    trace = house.running()
    house.rig.state.drain_s = 60.0

    async def main() -> None:
        ending = asyncio.create_task(house.addon.done())
        while "listeners closed" not in house.steps:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert not ending.done() and "audit closed" not in house.steps
        trace.closed = True
        await asyncio.wait_for(ending, 60)

    asyncio.run(main())
    assert house.steps[-1] == "audit closed"


def test_it_does_not_wait_for_ever(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.running()
    house.rig.state.drain_s = 0.02
    cancelled: list[str] = []
    transport = SimpleNamespace(handler=SimpleNamespace(cancel=cancelled.append))
    idle = SimpleNamespace(handler=None)
    house.connections["1"] = SimpleNamespace(transports={"client": transport, "server": idle})
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        asyncio.run(house.addon.done())
    assert time.monotonic() - started < 25
    assert cancelled == ["shutting down"] and house.steps[-1] == "audit closed"
    assert "1 exchanges were still running" in caplog.text


def test_records_whose_texts_are_still_encrypted_come_before_the_audit_is_closed(house: House) -> None:
    state = house.rig.state
    state.drain_s = 0.0

    async def encrypting() -> None:
        await asyncio.sleep(0.02)
        house.steps.append("record put")

    def cut() -> None:  # an exchange that is cut has its last record only now
        task = asyncio.get_running_loop().create_task(encrypting())
        state.sealing.add(task)
        task.add_done_callback(state.sealing.discard)

    house.addon.connections = SimpleNamespace(close_all=cut)  # type: ignore[assignment]
    asyncio.run(house.addon.done())
    assert house.steps == ["listeners closed", "record put", "audit closed"]


@pytest.mark.parametrize("gentle_s", [0.0, 0.05])
def test_where_another_takes_over_whoever_is_not_quiet_yet_is_waited_for(house: House, gentle_s: float) -> None:
    house.rig.state.drain_s, house.rig.state.gentle_s = 60.0, gentle_s
    cancelled: list[float] = []
    handler = SimpleNamespace(cancel=lambda _: cancelled.append(time.time()))
    transport = SimpleNamespace(handler=handler, writer=None)
    shaking = SimpleNamespace(
        client="c", transports={"c": transport}, timeout_watchdog=SimpleNamespace(last_activity=time.time() + 0.2)
    )
    house.connections["1"] = shaking
    asyncio.run(house.addon.done())
    assert len(cancelled) == 1
    assert (cancelled[0] >= shaking.timeout_watchdog.last_activity + gentle_s) is bool(gentle_s)
