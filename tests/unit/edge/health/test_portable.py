"""Numbers that go from one process to another are the same there."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, Metric

from weir.edge.health import portable
from weir.edge.health.counts import Counts
from weir.edge.health.families import Figures, families
from weir.edge.health.looking import NOTHING_YET


class _Sheet:
    def __init__(self, found: list[Metric]) -> None:
        self.found = found

    def collect(self) -> list[Metric]:
        return self.found


def test_nothing_is_lost_on_the_way() -> None:
    counts = Counts()
    made = families(Figures(counts, counts.dlp, NOTHING_YET, info={"mode": "enforce"}, healthy={"spool": True}))
    assert generate_latest(_Sheet(portable.loads(portable.dumps(made)))) == generate_latest(_Sheet(made))
    family = CounterMetricFamily("a", 'says "x"', labels=["b"])
    family.add_metric(['"\n\\'], 1.5)
    assert generate_latest(_Sheet(portable.loads(portable.dumps([family])))) == generate_latest(_Sheet([family]))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b'[{"name": "a"}]', b"null", b'[{"name":"a","help":"","type":"x","samples":[]}]']
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        portable.loads(body)
