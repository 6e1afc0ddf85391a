"""The fleet's health beside its workers."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from weir.datadir import DataDir
from weir.edge.health import portable, readiness
from weir.edge.health.departed import BOOT
from weir.edge.health.place import told
from weir.edge.process.fleet.health import FleetHealth


def ask(address: tuple[str, int]) -> list[str]:
    try:
        with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/readyz", timeout=60) as reply:
            return [one["code"] for one in json.load(reply)["reasons"]]
    except urllib.error.HTTPError as error:
        return [one["code"] for one in json.load(error)["reasons"]]


async def test_it_tells_of_the_fleet_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, ends, ingester = DataDir(tmp_path / "data").run, [False], SimpleNamespace(runs=True)
    sockets: list[Path] = []
    health = FleetHealth(("127.0.0.1", 0), run, lambda: sockets, lambda: ends[0], ingester)
    await health.running()
    address = told(run)
    assert address is not None and await asyncio.to_thread(ask, address) == ["starting"]
    url = f"http://{address[0]}:{address[1]}/healthz"
    assert (await asyncio.to_thread(urllib.request.urlopen, url, timeout=60)).status == 200, "who starts is alive"
    sockets.append(run / "health-1.sock")
    assert await asyncio.to_thread(ask, address) == ["no-answer"]
    ingester.runs = False
    assert await asyncio.to_thread(ask, address) == ["no-answer"], "it is started again when it dies"
    monkeypatch.setattr(readiness, "INGESTER_S", -1.0)
    await health.done()
    await health.running()
    address = told(run)
    assert address is not None and await asyncio.to_thread(ask, address) == ["ingester", "no-answer"]
    ends[0] = True
    assert await asyncio.to_thread(ask, address) == ["draining", "no-answer"]
    await health.done()
    assert told(run) is None


async def test_what_workers_report_is_in_the_sums(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = DataDir(tmp_path / "data").run
    health = FleetHealth(("127.0.0.1", 0), run, list, lambda: False, SimpleNamespace(runs=True))
    health.heard(1, "[]")  # before anybody can ask
    await health.running()
    for boot, number in ((1.0, 5), (2.0, 3), (1.0, 7)):
        families = [
            CounterMetricFamily("weir_exchanges", "text", value=number),
            GaugeMetricFamily(BOOT, "text", value=boot),
        ]
        health.heard(1, portable.dumps(families).decode())
    for odd in ({}, "{", "[1]"):
        health.heard(1, odd)
    address = told(run)
    assert address is not None
    url = f"http://{address[0]}:{address[1]}/metrics"
    numbers = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=60).read().decode())
    assert "weir_exchanges_total 10.0" in numbers and BOOT not in numbers
    assert caplog.text.count("was not understood") == 1
    await health.done()


async def test_who_can_ask_from_elsewhere_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for host in ("127.0.0.1", "0.0.0.0"):
        run = DataDir(tmp_path / "data").run
        health = FleetHealth((host, 0), run, list, lambda: False, SimpleNamespace(runs=True))
        await health.running()
        await health.done()
    assert caplog.text.count("nobody is asked who he is") == 1


async def test_an_address_in_use_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        health = FleetHealth(
            taken.getsockname()[:2],
            DataDir(tmp_path / "data").run,
            list,
            lambda: False,
            SimpleNamespace(runs=True),
        )
        await health.running()
        await health.done()
    assert "nobody can ask for weir's health" in caplog.text
