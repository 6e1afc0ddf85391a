"""A soak of seconds: every kind of traffic, both troubles, and every request in the audit exactly once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.doubles import Doubles
from soak.client import VISITS
from soak.run import soak
from soak.site import Options

pytestmark = pytest.mark.xdist_group("soak")


def test_every_request_is_accounted_for(doubles: Doubles, tmp_path: Path) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    options = Options(minutes=0.05, warm_s=0, trouble_s=1.0, rate=6, clients=1, processes=0, upload_kb=64)
    found = soak(tmp_path, options, lambda phase, now: told.append((phase, now)), doubles)
    assert found.wrong == []
    kinds = {name.partition(" →")[0].partition(",")[0] for name in found.outcomes}
    assert kinds >= {"plain", "new connection", "stream", "blocked", "small budget", "upload", "metered", "abort"}
    assert kinds >= {"slow reader", "websocket"} and any(kind.startswith("h2") for kind in kinds)
    assert sum(found.outcomes.values()) == found.figures["requests"] >= len(VISITS)
    assert set(found.troubles) >= {"the policy changed", "the ingester was killed"}
    assert found.figures["canaries"] >= 40 and found.figures["files_without_canaries"] > 5
    assert {one["role"] for one in found.processes} >= {"weir", "ingester"}
    assert told[0][0] == "load" and told[-1][0] == "reckoning"
