"""The listener of one process, under a real state."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.limited import Limited
from harness.rig import Rig
from weir.datadir import DataDirError
from weir.edge.health import listener
from weir.edge.health.counted import CountedSpool
from weir.edge.health.listener import Health
from weir.edge.health.place import ask, tcp, told, unix


@pytest.fixture
def counted(rig: Rig, tmp_path: Path) -> Any:
    rig.state.spool = CountedSpool(rig.state.data.spool, "weir-test", "boot-of-this-test")
    rig.state.spool.start()
    yield rig
    rig.state.spool.close(5.0)


def _get(address: tuple[str, int], path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address[0]}:{address[1]}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def _until_ready(address: tuple[str, int]) -> None:
    async with asyncio.timeout(60):
        while (await asyncio.to_thread(_get, address, "/readyz"))[0] != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def test_a_process_is_asked_from_its_start_to_its_end(counted: Rig, caplog: pytest.LogCaptureFixture) -> None:
    state = counted.state
    reload = SimpleNamespace(taken=3, refused=1)

    async def work() -> str:
        health = Health(state, tcp("127.0.0.1", 0), reload=reload, ingester=SimpleNamespace(runs=True))  # type: ignore[arg-type]
        with caplog.at_level(logging.INFO):
            await health.running()
        assert health.address is not None
        assert told(state.data.run) == health.address
        await _until_ready(health.address)
        health.server_connect_error(SimpleNamespace())  # type: ignore[arg-type]
        health.tls_failed_server(SimpleNamespace())  # type: ignore[arg-type]
        status, body = await asyncio.to_thread(_get, health.address, "/healthz")
        assert (status, json.loads(body)["ok"]) == (200, True)
        numbers = (await asyncio.to_thread(_get, health.address, "/metrics"))[1]
        state.draining = True
        status, body = await asyncio.to_thread(_get, health.address, "/readyz")
        state.draining = False
        assert (status, json.loads(body)["reasons"][0]["code"]) == (503, "draining")
        await health.done()
        with pytest.raises(OSError):
            await asyncio.open_connection(*health.address)
        return numbers

    numbers = asyncio.run(work())
    for line in (
        'weir_policy_reloads_total{result="taken"} 3.0',
        'weir_upstream_failures_total{phase="connect"} 1.0',
        'weir_upstream_failures_total{phase="tls"} 1.0',
        'weir_healthy{part="ingester"} 1.0',
        'weir_queue_max{queue="spool"} 10000.0',
        "weir_ready 1.0",
    ):
        assert f"\n{line}\n" in numbers
    assert told(state.data.run) is None
    assert "health and metrics on 127.0.0.1:" in caplog.text
    assert "nobody is asked" not in caplog.text


def test_a_worker_of_a_fleet_answers_at_its_own_socket(counted: Rig) -> None:
    path = counted.state.data.run / "health-1.sock"

    async def work() -> bytes:
        health = Health(counted.state, unix(path))
        await health.running()
        assert health.address is None
        status, body = await ask(path, "/families", timeout_s=20.0, bytes_max=1 << 20)
        assert status == 200
        await health.done()
        return body

    names = {family["name"] for family in json.loads(asyncio.run(work()))}
    assert {"weir_exchanges", "weir_loop_lag_seconds", "weir_start_time_seconds"} <= names
    assert told(counted.state.data.run) is None, "the fleet's parent tells its own"


def test_a_disk_that_is_full_keeps_nobody_from_asking(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DataDirError("run/health.json: cannot be written (No space left on device)")

    async def work() -> int:
        health = Health(rig.state, tcp("127.0.0.1", 0))
        with monkeypatch.context() as patched:
            patched.setattr(listener, "tell", full)
            await health.running()
        assert health.address is not None
        status, _ = await asyncio.to_thread(_get, health.address, "/healthz")
        await health.done()
        return status

    assert asyncio.run(work()) == 200
    assert "could not be noted" in caplog.text


def test_an_address_for_everybody_is_warned_of(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        health = Health(rig.state, tcp("0.0.0.0", 0))
        await health.running()
        await health.done()

    with caplog.at_level(logging.WARNING):
        asyncio.run(work())
    assert "can read weir's numbers" in caplog.text


@pytest.mark.parametrize("down", [False, True])
def test_the_store_of_budgets_is_asked_before_the_first_request(make_rig: Any, tmp_path: Path, *, down: bool) -> None:
    rig = make_rig(budgets=[{"scope": "team", "name": "finance", "tokens": 100, "per": "month"}])
    Limited(rig, tmp_path, down=down)
    assert rig.state.data.spool.is_dir()

    async def work() -> str:
        health = Health(rig.state, tcp("127.0.0.1", 0))
        await health.running()
        async with asyncio.timeout(60):
            while health._looked.at == 0.0:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await health.done()
        await rig.state.admission.close()
        return " ".join(reason.code for reason in health._looked.reasons)

    assert asyncio.run(work()) == ("budgets-store" if down else "")
