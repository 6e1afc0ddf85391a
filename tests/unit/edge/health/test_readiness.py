"""When traffic is wanted, and when not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.rig import Rig
from weir.edge.health.looking import NOTHING_YET, Looked
from weir.edge.health.page import Reason
from weir.edge.health.readiness import INGESTER_S, STALE_S, Watched, readiness

NOW = 1_000.0
FINE = Looked(at=NOW)


class _Ingester:
    runs = True


def _codes(rig: Rig, looked: Looked = FINE, watched: Watched | None = None, now: float = NOW) -> list[str]:
    found = readiness(rig.state, looked, watched or Watched(None), now)
    return [reason.code for reason in found.reasons]


@pytest.fixture
def well(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(rig.state.spool, "healthy", True, raising=False)
    return rig


def test_all_is_well(well: Rig) -> None:
    found = readiness(well.state, FINE, Watched(None), NOW)
    assert found.reasons == ()
    assert found.about == {"mode": "enforce", "policy": well.state.snapshot.settings.hash[:12]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda state: setattr(state, "draining", True), "draining"),
        (lambda state: setattr(state.spool, "healthy", False), "audit-spool"),
        (lambda state: setattr(state, "content", SimpleNamespace(healthy=False)), "audit-texts"),
    ],
)
def test_what_weir_knows_of_itself(well: Rig, change: Any, code: str) -> None:
    before = well.state.draining, well.state.content
    try:
        change(well.state)
        assert _codes(well) == [code]
    finally:
        well.state.draining, well.state.content = before


def test_what_was_found_holds_for_a_while(well: Rig) -> None:
    assert _codes(well, NOTHING_YET) == ["starting"]
    assert _codes(well, FINE, now=NOW + STALE_S) == []
    assert _codes(well, FINE, now=NOW + STALE_S + 1) == ["stores"]
    found = Looked(at=NOW, reasons=(Reason("audit-disk", "It is full."), Reason("budgets-store", "It is away.")))
    assert _codes(well, found) == ["audit-disk", "budgets-store"]


def test_an_ingester_may_be_away_for_as_long_as_its_restart_takes(well: Rig) -> None:
    ingester = _Ingester()
    watched = Watched(ingester)
    assert _codes(well, watched=watched) == []
    ingester.runs = False
    assert _codes(well, watched=watched) == []
    assert _codes(well, watched=watched, now=NOW + INGESTER_S) == []
    assert _codes(well, watched=watched, now=NOW + INGESTER_S + 1) == ["ingester"]
    ingester.runs = True
    assert _codes(well, watched=watched, now=NOW + INGESTER_S + 1) == []
    assert Watched(None).alive is None
