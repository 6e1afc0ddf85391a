"""What is counted while exchanges pass: plain numbers, taken from each record on its way into the audit.

On the event loop, for every record: so no locks and no objects of a metrics library here. Records of exchanges come
from the loop alone; those of other threads (an event, a first sighting) are rare and share a lock.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence

from weir.audit.record import KINDS, AuditRecord
from weir.model import Action, Inspection

__all__ = ["ADDED_US", "DLP_US", "ENDS", "LAG_US", "Counts", "Ended", "Slots"]

ENDS = ("response", "block", "error", "meter", "coach")  # the kinds of record that end an exchange or a connection
OTHER = "other"
_STATUS = {0: "none", 1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
_ACTIONS = frozenset(action.word for action in Action)
_INSPECTIONS = frozenset(str(inspection) for inspection in Inspection)

# Upper bounds of the histograms' buckets, in microseconds.
DLP_US = (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000)
ADDED_US = (
    *(500, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000),
    *(1_000_000, 2_500_000, 5_000_000, 10_000_000),
)
LAG_US = (500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000)

Ended = tuple[str, str, str, str]  # kind, action, inspection, class of the status


class Slots:
    """A histogram of microseconds: ``counts`` has one place a bound, and one more for what is above them all."""

    __slots__ = ("bounds", "counts", "sum_us")

    def __init__(self, bounds: Sequence[int]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum_us = 0

    def add(self, us: int) -> None:
        """Count one duration."""
        self.counts[bisect_left(self.bounds, us)] += 1
        self.sum_us += us


class Counts:
    """One a process. Every key is one of a fixed list: nothing that a client or an upstream chooses makes a new one."""

    def __init__(self) -> None:
        self.kinds = dict.fromkeys((*KINDS, OTHER), 0)
        self.ended: dict[Ended, int] = {}
        self.dlp = Slots(DLP_US)
        self.added = Slots(ADDED_US)
        self.untaken = 0  # records that the audit did not take, each of which refused what it was about
        self.upstream = {"connect": 0, "tls": 0}
        self._seen: dict[tuple[str, str, str, int], Ended] = {}
        self._rare = threading.Lock()

    def take(self, record: AuditRecord) -> None:
        """Count a record."""
        kind = record.kind
        if kind == "request":
            self.kinds["request"] += 1
            return
        if kind not in ENDS:
            with self._rare:
                self.kinds[kind if kind in self.kinds else OTHER] += 1
            return
        self.kinds[kind] += 1
        status = record.http_status
        raw = (kind, record.action, record.inspection, 0 if status is None else status // 100)
        key = self._seen.get(raw) or self._bounded(raw)
        self.ended[key] += 1
        if (us := record.dlp_us) is not None:
            self.dlp.add(us)
        if kind == "response" and (us := record.overhead_us) is not None:
            self.added.add(us)

    def _bounded(self, raw: tuple[str, str, str, int]) -> Ended:
        kind, action, inspection, status = raw
        key = (
            kind,
            action if action in _ACTIONS else OTHER if action else "none",
            inspection if inspection in _INSPECTIONS else OTHER if inspection else "none",
            _STATUS.get(status, OTHER),
        )
        if OTHER not in key:  # those are as many as there are words; others are looked at anew each time
            self._seen[raw] = key
        self.ended.setdefault(key, 0)
        return key
