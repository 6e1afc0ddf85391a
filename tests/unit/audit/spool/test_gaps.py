from __future__ import annotations

from weir.audit.spool.gaps import Outage, gap, stub


def test_a_gap_says_how_many_and_why() -> None:
    full = gap(3, None)
    assert (full.kind, full.dropped, full.reason, full.ts_end) == ("gap", 3, "the audit queue was full", None)
    away = gap(0, Outage(5, 9, "Input/output error"))
    assert (away.kind, away.dropped, away.ts, away.ts_end) == ("gap", 0, 5, 9)
    assert away.reason == "the audit spool could not write: Input/output error"


def test_a_stub_counts_for_one() -> None:
    made = stub()
    assert (made.kind, made.dropped, made.reason) == ("gap", 1, "a record could not be encoded")
