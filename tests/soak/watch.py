"""Looks at weir's processes and at what it says of itself, every other second, and judges what came together."""

from __future__ import annotations

import http.client
import math
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Process", "Slope", "Watch", "floors", "grows", "numbers", "quantile", "slope"]

WINDOW_S = 20.0
_WINDOWS_MIN = 6
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
Numbers = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Slope:
    """A straight line through samples: units a minute, and how far by its scatter it may be off (two-sided, 95 %)."""

    per_minute: float = 0.0
    error: float = math.inf
    samples: int = 0

    @property
    def least(self) -> float:
        """What it rises by at least, as likely as that."""
        return self.per_minute - self.error


def floors(samples: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The least of each `WINDOW_S` seconds: what waits to be collected comes and goes, what leaks stays."""
    least: dict[int, tuple[float, float]] = {}
    for at, value in samples:
        window = int((at - samples[0][0]) // WINDOW_S)
        if window not in least or value < least[window][1]:
            least[window] = (at, value)
    return list(least.values())


def slope(samples: Sequence[tuple[float, float]]) -> Slope:
    """Least squares through (seconds, value), which must not hang together: `floors` of what was seen more often."""
    n = len(samples)
    if n < 3:
        return Slope(samples=n)
    mean_t, mean_v = sum(t for t, _ in samples) / n, sum(v for _, v in samples) / n
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    if not spread:
        return Slope(samples=n)
    rise = sum((t - mean_t) * (v - mean_v) for t, v in samples) / spread
    rest = sum((v - mean_v - rise * (t - mean_t)) ** 2 for t, v in samples)
    free = n - 2
    student = 1.96 + 2.4 / free + 4 / free**2  # within 4 % of Student's t for two degrees of freedom or more
    error = student * math.sqrt(rest / free / spread) if n >= _WINDOWS_MIN else math.inf
    return Slope(rise * 60, error * 60, n)


def grows(samples: Sequence[tuple[float, float]], bound: float) -> bool:
    """Whether it rises by more than ``bound`` a minute, beyond doubt, and in either half.

    What fills up (caches, an allocator's arenas) rises ever less, and a step (a second engine at the first reload) is
    in one half: the other is flat. What leaks rises as long as it is looked at.
    """
    least = floors(samples)
    halves = least[: len(least) // 2], least[len(least) // 2 :]
    return slope(least).least > bound and all(slope(half).per_minute > bound for half in halves)


@dataclass
class Process:
    """One of weir's: each sample is (seconds, KB resident, descriptors, threads)."""

    pid: int
    role: str
    samples: list[tuple[float, int, int, int]] = field(default_factory=list)

    def look(self, now: float) -> bool:
        """Take a sample; False when it has gone."""
        try:
            resident = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE_KB
            descriptors = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
            threads = len(list(Path(f"/proc/{self.pid}/task").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            return False
        self.samples.append((now, resident, descriptors, threads))
        return bool(resident)  # none: a zombie

    def memory(self, since: float, end: float) -> list[tuple[float, float]]:
        """(seconds, KB) of the time in between."""
        return [(t, kb) for t, kb, _, _ in self.samples if since <= t <= end]


def numbers(place: tuple[str, int]) -> Numbers:
    """What /metrics says, by name and labels. Raises OSError."""
    connection = http.client.HTTPConnection(*place, timeout=60)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except http.client.HTTPException as problem:
        raise ConnectionError(type(problem).__name__) from None
    finally:
        connection.close()
    found: Numbers = {}
    for line in text.splitlines():
        if (match := _SAMPLE.match(line)) is not None:
            found[match[1], match[2] or ""] = float(match[3])
    return found


def _buckets(found: Numbers, name: str) -> list[tuple[float, float]]:
    """Upper bounds in seconds with how many are at or below each, of all workers together."""
    sums: dict[float, float] = {}
    for (metric, labels), value in found.items():
        if metric == f"{name}_bucket" and (match := re.search(r'le="([^"]+)"', labels)):
            sums[float(match[1])] = sums.get(float(match[1]), 0.0) + value
    return sorted(sums.items())


def quantile(before: Numbers, after: Numbers, name: str, share: float) -> float:
    """The bound in milliseconds below which that share of a histogram's values of the time in between lie."""
    were = dict(_buckets(before, name))
    counts = [(bound, value - were.get(bound, 0.0)) for bound, value in _buckets(after, name)]
    wanted = share * counts[-1][1] if counts else 0.0
    return next((bound * 1000 for bound, value in counts if value >= wanted - 1e-9 and value), 0.0)


def _children(pid: int) -> Iterator[int]:
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from (int(one) for one in (task / "children").read_text().split())
    except OSError:
        return


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


class Watch:
    """The processes below ``root``, found anew at each look: an ingester that was killed is another one then."""

    def __init__(self, root: int, workers: int, place: tuple[str, int]) -> None:
        self.root, self._workers, self._place = root, workers, place
        self.processes: dict[int, Process] = {}
        self.lag_bytes: list[tuple[float, float]] = []
        self.lag_s: list[tuple[float, float]] = []
        self.unready = self.unheard = 0
        self.now: Numbers = {}

    def _role(self, pid: int) -> str:
        words = _words(pid)
        if pid == self.root:
            return "weir" if self._workers == 1 else "parent"
        if "weir.audit.ingester" in words or words.startswith("weir-ingester"):
            return "ingester"
        return "scanner" if "weir.dlp" in words else "worker" if self._workers > 1 else "helper"

    def look(self) -> float:
        """Sample everything; the time of it."""
        now = time.monotonic()
        waiting = [self.root]
        while waiting:
            pid = waiting.pop()
            one = self.processes.get(pid) or Process(pid, "")
            if one.role not in ("weir", "parent", "ingester", "scanner"):  # just forked it still has its parent's name
                one.role = self._role(pid)
            if one.look(now):
                self.processes[pid] = one
                waiting += _children(pid)
        try:
            self.now = numbers(self._place)
        except OSError:
            self.unheard += 1
            return now
        self.lag_bytes.append((now, self.value("weir_spool_lag_bytes")))
        self.lag_s.append((now, self.value("weir_spool_lag_seconds")))
        self.unready += not self.value("weir_ready")
        return now

    def value(self, name: str) -> float:
        """The largest of a number's values of all workers, at the last look."""
        return max((value for (metric, _), value in self.now.items() if metric == name), default=0.0)

    def ingester(self) -> int | None:
        """The process id of the ingester that runs now."""
        for pid, one in self.processes.items():
            if one.role == "ingester" and Path(f"/proc/{pid}").exists():
                return pid
        return None

    def living(self) -> list[Process]:
        """Those that were there at the last look."""
        last = max((one.samples[-1][0] for one in self.processes.values()), default=0.0)
        return [one for one in self.processes.values() if one.samples[-1][0] == last]
