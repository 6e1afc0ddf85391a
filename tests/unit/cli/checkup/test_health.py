"""The check that asks a running weir how it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.cli.checkup.health import health
from weir.edge.health.page import Readiness, Reason
from weir.edge.health.place import tcp, tell
from weir.edge.health.server import Asked, Reply, Server, plain

Replies = list[Reply]


@pytest.fixture
def says(tmp_path: Path) -> Iterator[Replies]:
    """What is answered next, by a server that runs in a thread."""
    replies: Replies = []
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def answer(_: Asked) -> Reply:
        return replies.pop(0)

    server = Server(answer)
    asyncio.run_coroutine_threadsafe(server.start(tcp("127.0.0.1", 0)), loop).result(20)
    (tmp_path / "run").mkdir()
    tell(tmp_path / "run", server.address)
    yield replies
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_it_says_what_weir_says(tmp_path: Path, says: Replies) -> None:
    reasons = (Reason("draining", "It ends."), Reason("audit-disk", "It is full."))
    says += [Readiness().reply, Readiness(reasons).reply, plain(404)]
    results = [*health(tmp_path), *health(tmp_path), *health(tmp_path)]
    assert [result.status for result in results] == ["ok", "fail", "fail"]
    assert results[1].detail == "not ready: It ends.; It is full."
    assert "no answer" in results[2].detail


def test_nobody_to_ask(tmp_path: Path) -> None:
    assert health(tmp_path) == []
    (tmp_path / "run").mkdir()
    with tcp("127.0.0.1", 0) as closed:
        tell(tmp_path / "run", closed.getsockname()[:2])
        (result,) = health(tmp_path)
    assert (result.status, "ConnectionRefusedError" in result.detail) == ("fail", True)
