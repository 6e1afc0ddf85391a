"""Who does not take what is made for it makes its makers wait."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mitmproxy.proxy import mode_servers
from mitmproxy.test import tflow

from weir.edge.bounds.kept import Backlog
from weir.edge.bounds.readers import BoundedHandler, abort_later
from weir.edge.trace import link_of


@pytest.mark.parametrize(("slow", "waits"), [("client", "upstream"), ("upstream", "client")])
def test_the_other_side_waits_and_the_slow_one_goes_on(monkeypatch: pytest.MonkeyPatch, slow: str, waits: str) -> None:
    async def drained(_: object) -> None:
        """Nothing waits in the sockets."""

    monkeypatch.setattr(mode_servers.ProxyConnectionHandler, "drain_writers", drained)

    async def story() -> None:
        flow = tflow.tflow()
        link = link_of(flow.client_conn)
        peer = flow.client_conn if slow == "client" else flow.server_conn
        backlog = link.bounds.backlogs[peer] = Backlog(10)
        backlog.now(20, 20)
        io: dict[Any, Any] = {}
        handler = cast(BoundedHandler, SimpleNamespace(client=flow.client_conn, transports=io))
        # `super()` needs a real one
        real = object.__new__(BoundedHandler)
        real.client, real.transports = handler.client, io
        tasks = {name: asyncio.create_task(real.drain_writers()) for name in ("client", "upstream")}
        io[flow.client_conn] = SimpleNamespace(handler=tasks["client"])
        for _ in range(3):
            await asyncio.sleep(0)
        assert tasks[slow].done() and not tasks[waits].done()
        backlog.now(5)
        await tasks[waits]

    asyncio.run(story())


def test_a_closed_connection_that_nobody_reads_ends() -> None:
    calls: list[float] = []

    class Transport(asyncio.WriteTransport):
        def get_write_buffer_size(self) -> int:
            return 10

        def abort(self) -> None:
            calls.append(1)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        abort_later(SimpleNamespace(transport=Transport()))
        abort_later(SimpleNamespace())  # no socket of ours
        assert [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]

    asyncio.run(story())
    assert calls == []
