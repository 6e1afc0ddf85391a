"""The process: it says where it listens, ends when told to, and loses no record on the way out."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from harness.rig import Rig
from weir.edge.process.reload import Reload
from weir.edge.process.run import serve
from weir.edge.wire.tlsconfig import WeirTlsConfig


class Watcher:
    """Sends the process a signal once it runs, and writes down what is called."""

    name = "watcher"

    def __init__(self, *signals: signal.Signals) -> None:
        self.signals = list(signals)
        self.steps: list[str] = []

    def running(self) -> None:
        self.steps.append("running")
        asyncio.get_running_loop().call_soon(self.send)

    def send(self) -> None:
        if self.signals:
            os.kill(os.getpid(), self.signals.pop(0))
            asyncio.get_running_loop().call_later(0.05, self.send)

    def done(self) -> None:
        self.steps.append("done")


@pytest.fixture
def served(put_back: None) -> Iterator[None]:
    """A proxy in this process: signals, loggers and the collector are as before when it has ended."""
    names = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(name) for name in names]
    handlers = logging.getLogger().handlers[:]
    yield
    gc.unfreeze()
    logging.getLogger().handlers[:] = handlers
    for name, handler in zip(names, before, strict=True):
        signal.signal(name, handler)


def start(rig: Rig, watcher: Any, port: int = 0) -> tuple[int, Reload]:
    policy = rig.state.data.path / "policy.yaml"
    policy.write_text("version: 1\n")

    async def main() -> tuple[int, Reload]:
        reload = Reload(rig.state, policy, lambda: rig.state.snapshot)
        code = await serve(
            rig.state, ([], [watcher]), WeirTlsConfig(rig.state), reload, modes=["regular"], host="127.0.0.1", port=port
        )
        return code, reload

    return asyncio.run(main())


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(rig: Rig, name: signal.Signals) -> None:
    watcher = Watcher(name)
    code, _ = start(rig, watcher)
    assert (code, watcher.steps) == (0, ["running", "done"])
    assert rig.ledger.started and rig.ledger.closed


@pytest.mark.usefixtures("served")
def test_sighup_asks_for_the_policy(rig: Rig) -> None:
    watcher = Watcher(signal.SIGHUP, signal.SIGTERM)
    code, reload = start(rig, watcher)
    assert code == 0 and ([r.reason for r in rig.records].count("policy taken") == 1 or reload.asked.is_set())


@pytest.mark.usefixtures("served")
def test_an_address_in_use_is_said(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with caplog.at_level(logging.ERROR, "weir"):
            code, _ = start(rig, Watcher(), port)
    assert code == 1
    assert f"could not listen on 127.0.0.1:{port}" in caplog.text
    assert rig.ledger.closed


def test_one_weir_a_data_directory(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    watcher = Watcher()
    with (rig.state.data.run / "weir.lock").open("a+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with caplog.at_level(logging.ERROR, "weir"):
            code, _ = start(rig, watcher)
    assert code == 2 and "another weir is at work on" in caplog.text
    assert not rig.ledger.started and watcher.steps == []
