"""What every worker has counted, those that are gone among them: the sums of a fleet never fall."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from prometheus_client.core import Metric

__all__ = ["BOOT", "GONE", "Departed", "counted"]

Sums = dict[tuple[str, str, str], dict[tuple[str, tuple[tuple[str, str], ...]], float]]  # by family, then by sample

BOOT = "weir_start_time_seconds"  # another value under the same worker's name: another process
GONE = ""  # the name under which sums are told that are no one worker's; nothing that is measured stands there
KEEP = 8  # processes of one seat that may still have something to tell; those before them have long ended
_ENDED_MAX = 1_000


def counted(families: Sequence[Metric]) -> list[Metric]:
    """What of them is counted and can be added up, with the mark of the process that counted."""
    return [family for family in families if _is_counted(family) or family.name == BOOT]


class Departed:
    """Remembers by process what it has counted so far, from its own reports and from what it answered.

    A process is known by its seat and the time of its start, so one that is replaced and its successor are two. What
    it counts only grows: of two reports about the same number the greater is the later one, in whatever order they
    come, and none counts twice.
    """

    def __init__(self) -> None:
        self._by_seat: dict[str, dict[float, Sums]] = {}  # of each seat the processes, the newest last
        self._ended: dict[tuple[str, float], None] = {}  # those that are in the sum below
        self._sum: Sums = {}
        self._lock = threading.Lock()  # reports come in the loop, answers are added up in a thread

    def take(self, worker: str, families: Sequence[Metric]) -> None:
        """Note what the process on this seat has counted by now."""
        with self._lock:
            self._take(worker, families)

    def _take(self, worker: str, families: Sequence[Metric]) -> None:
        boot = _boot(families)
        if (worker, boot) in self._ended:
            return
        processes = self._by_seat.setdefault(worker, {})
        _raise(processes.setdefault(boot, {}), families)
        while len(processes) > KEEP:
            oldest = next(iter(processes))
            _add(self._sum, processes.pop(oldest))
            self._ended[worker, oldest] = None
            if len(self._ended) > _ENDED_MAX:
                del self._ended[next(iter(self._ended))]

    def with_those_gone(self, told: Mapping[str, Sequence[Metric]]) -> dict[str, Sequence[Metric]]:
        """``told`` (families by worker) without what is counted, which stands under ``GONE``: all of it, of those who
        are there, who do not answer just now, and who are gone."""
        sums: Sums = {}
        with self._lock:
            for worker, families in told.items():
                self._take(worker, families)
            _add(sums, self._sum)
            for processes in self._by_seat.values():
                for process in processes.values():
                    _add(sums, process)
        own = {worker: [one for one in families if not _is_counted(one)] for worker, families in told.items()}
        return {**own, GONE: _families(sums)} if sums else dict(own)


def _is_counted(family: Metric) -> bool:
    return family.type in ("counter", "histogram") and not family.name.startswith("process_")


def _families(sums: Sums) -> list[Metric]:
    made = []
    for (name, kind, text), samples in sums.items():
        family = Metric(name, text, kind)
        for (sample, labels), value in samples.items():
            family.add_sample(sample, dict(labels), value)
        made.append(family)
    return made


def _raise(sums: Sums, families: Sequence[Metric]) -> None:
    for family in filter(_is_counted, families):
        of = sums.setdefault((family.name, family.type, family.documentation), {})
        for one in family.samples:
            key = (one.name, tuple(one.labels.items()))
            of[key] = max(of.get(key, 0.0), one.value)


def _add(sums: Sums, more: Sums) -> None:
    for family, samples in more.items():
        of = sums.setdefault(family, {})
        for key, value in samples.items():
            of[key] = of.get(key, 0.0) + value


def _boot(families: Sequence[Metric]) -> float:
    for family in families:
        if family.name == BOOT:
            return next((one.value for one in family.samples), 0.0)
    return 0.0
