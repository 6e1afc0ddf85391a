"""What is counted is bounded, whatever is in a record, and costs next to nothing."""

from __future__ import annotations

import threading

from weir.audit.record import KINDS, AuditRecord
from weir.edge.health.counts import DLP_US, ENDS, Counts, Slots


def test_a_duration_falls_into_the_first_bucket_that_holds_it() -> None:
    slots = Slots((10, 20))
    for us in (0, 10, 11, 20, 21, 10**9):
        slots.add(us)
    assert slots.counts == [2, 2, 2]
    assert slots.sum_us == 62 + 10**9


def test_exchanges_are_counted_by_the_record_that_ends_them() -> None:
    counts = Counts()
    counts.take(AuditRecord(kind="request", action="allow", inspection="inspected", dlp_us=7, overhead_us=7))
    reply = AuditRecord(
        kind="response", action="redact", inspection="partial", http_status=204, dlp_us=90, overhead_us=1_800
    )
    counts.take(reply)
    counts.take(reply)
    counts.take(AuditRecord(kind="block", action="block", inspection="inspected", http_status=403, overhead_us=5))
    counts.take(AuditRecord(kind="meter", inspection="metered"))
    assert counts.ended == {
        ("response", "redact", "partial", "2xx"): 2,
        ("block", "block", "inspected", "4xx"): 1,
        ("meter", "none", "metered", "none"): 1,
    }
    assert (counts.dlp.counts[0], counts.dlp.sum_us) == (2, 180), "once an exchange, not once a record"
    assert (sum(counts.added.counts), counts.added.sum_us) == (2, 3_600), "only of what was forwarded"
    assert {kind: n for kind, n in counts.kinds.items() if n} == {"request": 1, "response": 2, "block": 1, "meter": 1}


def test_nothing_from_outside_makes_a_key() -> None:
    counts = Counts()
    for number in range(3_000):
        word = f"made-up-{number}"
        counts.take(AuditRecord(kind="response", action=word, inspection=word, http_status=number))
        counts.take(AuditRecord(kind=word, host=word, user=word, request_model=word, rule_id=word))
    assert set(counts.ended) == {
        ("response", "other", "other", status) for status in ("none", "1xx", "2xx", "3xx", "4xx", "5xx", "other")
    }
    assert sum(counts.ended.values()) == 3_000
    assert set(counts.kinds) == {*KINDS, "other"}
    assert counts.kinds["other"] == 3_000
    assert len(counts._seen) == 0


def test_all_that_ends_is_a_kind_of_record() -> None:
    assert set(ENDS) < set(KINDS)
    assert list(DLP_US) == sorted(set(DLP_US))


def test_events_of_other_threads_are_all_counted() -> None:
    counts = Counts()
    event = AuditRecord(kind="config")

    def take() -> None:
        for _ in range(2_000):
            counts.take(event)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.kinds["config"] == 8_000
