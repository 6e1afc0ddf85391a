"""A fleet's workers at one address."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from harness.processes import ROOT
from weir.edge.health import summed
from weir.edge.health.page import Page, Readiness, Reason
from weir.edge.health.place import unix
from weir.edge.health.server import Server


class _Worker:
    def __init__(self, run: Path, number: int, boot: float, requests: int) -> None:
        self.path = run / f"health-{number}.sock"
        self.boot, self.requests = boot, requests
        self.reasons: tuple[Reason, ...] = ()
        self.page = Page(self.families, self.ready, lambda: (True, {}), internal=True)
        self.server = Server(self.page.answer)

    async def families(self) -> Callable[[], list[Metric]]:
        return lambda: [
            CounterMetricFamily("weir_exchanges", "text", value=self.requests),
            GaugeMetricFamily("weir_start_time_seconds", "text", value=self.boot),
        ]

    async def ready(self) -> Readiness:
        return Readiness(self.reasons)

    async def start(self) -> _Worker:
        await self.server.start(unix(self.path))
        return self

    async def stop(self) -> None:
        self.page.close()
        await self.server.close()


def _get(address: tuple[str, int], path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address[0]}:{address[1]}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_fleet_is_asked_as_one(tmp_path: Path) -> None:
    async def work() -> None:
        paths = [tmp_path / f"health-{number}.sock" for number in (1, 2)]
        own: list[Reason] = []
        fleet = await summed.serve("127.0.0.1", 0, lambda: paths, lambda: own)

        async def get(path: str) -> tuple[int, str]:
            await asyncio.sleep(0.11)  # numbers so old are made anew
            return await asyncio.to_thread(_get, fleet.address, path)

        status, body = await get("/readyz")
        assert (status, len(json.loads(body)["reasons"])) == (503, 2), "nobody is there yet"
        one = await _Worker(tmp_path, 1, 1.0, 10).start()
        two = await _Worker(tmp_path, 2, 2.0, 5).start()
        assert (await get("/healthz"))[0] == 200
        status, body = await get("/readyz")
        assert (status, json.loads(body)["workers"]["2"]["ready"]) == (200, True)
        assert "weir_exchanges_total 15.0" in (await get("/metrics"))[1]
        two.reasons = (Reason("audit-spool", "It cannot be written."),)
        status, body = await get("/readyz")
        assert (status, json.loads(body)["reasons"]) == (
            503, [{"code": "audit-spool", "says": "worker 2: It cannot be written."}],
        )  # fmt: skip
        two.reasons = (Reason("draining", "It ends."),)
        assert (await get("/readyz"))[0] == 200, "the other one takes what comes"
        await two.stop()
        status, body = await get("/readyz")
        assert (status, json.loads(body)["workers"]["2"]["reasons"][0]["code"]) == (200, "no-answer")
        body = (await get("/metrics"))[1]
        assert "weir_exchanges_total 15.0" in body, "what it had counted stays"
        assert 'weir_worker_up{worker="2"} 0.0' in body
        two = await _Worker(tmp_path, 2, 3.0, 1).start()
        assert "weir_exchanges_total 16.0" in (await get("/metrics"))[1]
        own.append(Reason("ingester", "It does not run."))
        assert (await get("/readyz"))[0] == 503
        assert (await get("/families"))[0] == 404, "that is between processes of weir"
        for worker in (one, two):
            await worker.stop()
        await fleet.close()

    asyncio.run(work())


def test_the_parent_of_a_fleet_stays_light() -> None:
    heavy = ("mitmproxy", "duckdb", "pydantic")
    code = f"import sys, weir.edge.health.summed; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "addons")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "[]\n", done.stderr
    assert summed.name_of(Path("/run/health-12.sock")) == "12"
