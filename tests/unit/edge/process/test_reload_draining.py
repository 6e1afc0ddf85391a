"""A policy that changes while weir drains."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from harness.rig import Rig
from unit.edge.process.test_reload import Watched, until
from weir.edge.process import reload as reload_module
from weir.edge.state import Snapshot


@pytest.fixture
def watched(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(reload_module, "POLL_S", 0.005)
    return Watched(rig, tmp_path / "policy.yaml")


def test_a_drain_takes_no_policy_and_says_nothing_in_a_closed_audit(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    state, began, go = watched.rig.state, threading.Event(), threading.Event()
    old = state.snapshot

    def build() -> Snapshot:
        began.set()
        assert go.wait(20)
        return watched.build()

    watched.addon.build = build

    async def body() -> None:
        watched.addon.asked.set()
        await asyncio.to_thread(began.wait, 20)
        state.draining = True  # while one is being made
        go.set()
        await until(lambda: "no policy is taken" in caplog.text)
        for _ in range(3):
            watched.addon.asked.set()
            await until(lambda: not watched.addon.asked.is_set())
        await until(lambda: caplog.text.count("no policy is taken") == 4)
        watched.addon.stop()
        state.spool.close(5.0)
        watched.addon.asked.set()
        await asyncio.sleep(0.03)

    with caplog.at_level(logging.INFO):
        watched.during(body)
    state.draining = False
    assert watched.built == 1 and state.snapshot is old and watched.told == ["policy in force"]
    assert "SpoolUnavailable" not in caplog.text and watched.addon.taken == watched.addon.refused == 0
