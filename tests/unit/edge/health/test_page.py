"""What is at which path, and that many who ask make the work of one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric

from weir.edge.health import page as page_module
from weir.edge.health.page import Page, Readiness, Reason
from weir.edge.health.server import Asked, Reply


class _Weir:
    def __init__(self) -> None:
        self.made = 0
        self.reasons: tuple[Reason, ...] = ()
        self.well = True

    async def families(self) -> Callable[[], list[Metric]]:
        self.made += 1
        await asyncio.sleep(0)
        return lambda: [GaugeMetricFamily("weir_x", "text", value=self.made)]

    async def ready(self) -> Readiness:
        return Readiness(self.reasons, {"mode": "enforce"})


@pytest.fixture
def ask() -> Callable[..., list[Reply]]:
    def work(weir: _Weir, *asked: Asked, internal: bool = False) -> list[Reply]:
        async def all_at_once() -> list[Reply]:
            page = Page(weir.families, weir.ready, lambda: (weir.well, {"loop_lag_ms": 1}), internal=internal)
            try:
                return await asyncio.gather(*(page.answer(one) for one in asked))
            finally:
                page.close()

        return asyncio.run(all_at_once())

    return work


def test_paths(ask: Callable[..., list[Reply]]) -> None:
    weir = _Weir()
    alive, ready, metrics, none, hidden = ask(
        weir, *(Asked(path) for path in ("/healthz", "/readyz", "/metrics", "/", "/families"))
    )
    assert (alive.status, json.loads(alive.body)) == (200, {"ok": True, "loop_lag_ms": 1})
    assert (ready.status, json.loads(ready.body)) == (200, {"ready": True, "reasons": [], "mode": "enforce"})
    assert (metrics.status, metrics.kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert metrics.body.endswith(b"\nweir_x 1.0\n")
    assert (none.status, hidden.status) == (404, 404)
    weir.reasons, weir.well = (Reason("draining", "It ends."),), False
    alive, ready = ask(weir, Asked("/healthz"), Asked("/readyz"))
    assert (alive.status, ready.status) == (503, 503)
    assert json.loads(ready.body)["reasons"] == [{"code": "draining", "says": "It ends."}]


def test_forms(ask: Callable[..., list[Reply]]) -> None:
    newer = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    (reply,) = ask(_Weir(), Asked("/metrics", newer))
    assert (reply.kind.split(";")[0], reply.body[-6:]) == ("application/openmetrics-text", b"# EOF\n")
    (reply,) = ask(_Weir(), Asked("/families"), internal=True)
    assert json.loads(reply.body)[0]["name"] == "weir_x"


def test_many_who_ask_make_the_work_of_one(ask: Callable[..., list[Reply]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "AGE_S", 60.0)
    weir = _Weir()
    replies = ask(weir, *[Asked("/metrics")] * 50)
    assert len({reply.body for reply in replies}) == 1
    assert weir.made == 1
