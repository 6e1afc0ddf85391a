"""One soak from beginning to end, and what it found."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.canary import CANARIES, assert_no_canaries
from harness.chaos import check_store, rows_on_disk
from harness.doubles import Doubles
from harness.processes import until
from soak.account import ENDS, reckon, rows_of
from soak.site import Options, Site
from soak.watch import Numbers, Process, Watch, floors, grows, quantile, slope
from weir.audit.spool.chain import verify_chain

__all__ = ["JUDGED_S", "Found", "Told", "soak"]

LOOK_S = 2.0
JUDGED_S = 240.0  # of samples of one process; less says nothing of its memory
SPARE = 12  # descriptors and threads that may come and go: stores, texts, name service
QUIET_S = 40.0
BAD = re.compile(r"Traceback|crashed|Error in callback|never retrieved|never awaited|Unhandled")
Told = Callable[[str, dict[str, Any]], None]


@dataclass
class Found:
    """What came out. ``wrong`` is empty when all held."""

    wrong: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    processes: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)


class _Soak:
    def __init__(self, site: Site, tell: Told) -> None:
        self.site, self.tell, self.found = site, tell, Found()
        self.watch = Watch(site.weir.process.pid, site.options.workers, site.health)
        self.begun = time.monotonic()

    def all_there(self) -> bool:
        """Whether the ingester runs too, which starts after the first listener."""
        self.watch.look()
        return self.watch.ingester() is not None

    def load(self, seconds: float, *, trouble: bool) -> None:
        """Clients for that long, looked after."""
        self.site.begin(seconds)
        trouble_at = time.monotonic() + self.site.options.trouble_s
        while self.site.busy:
            now = self.watch.look()
            if trouble and now >= trouble_at:
                trouble_at = now + self.site.options.trouble_s
                self.found.troubles.append(self.site.trouble(self.watch.ingester))
            self.tell("load" if trouble else "warm-up", self._now())
            time.sleep(min(LOOK_S, seconds / 5))
        self.found.wrong += self.site.end()
        self.site.doubles.reset()

    def _now(self) -> dict[str, Any]:
        living = self.watch.living()
        memory = {f"{one.role} {one.pid}": one.samples[-1][1] // 1024 for one in living}
        ended = sum(value for (name, _), value in self.watch.now.items() if name == "weir_exchanges_total")
        return {
            "seconds": time.monotonic() - self.begun,
            "exchanges": int(ended),
            "open": int(self.watch.value("weir_exchanges_open")),
            "mb": memory,
            "lag_bytes": int(self.watch.value("weir_spool_lag_bytes")),
            "troubles": len(self.found.troubles),
        }

    def quiet(self) -> dict[int, tuple[int, int]]:
        """Wait until nothing is open; then descriptors and threads of each process, the least of some looks."""

        def still() -> bool:
            self.watch.look()
            return not self.watch.value("weir_exchanges_open") and not self.watch.value("weir_connections_open")

        try:
            until(still, "nothing to be open", seconds=QUIET_S, every=0.5)
        except AssertionError:
            open_ = {name: int(self.watch.value(f"weir_{name}_open")) for name in ("exchanges", "connections")}
            self.found.wrong.append(f"{QUIET_S:g} s after the last client there is still open: {open_}")
        least: dict[int, tuple[int, int]] = {}
        for _ in range(3):
            self.watch.look()
            for one in self.watch.living():
                _, _, descriptors, threads = one.samples[-1]
                was = least.get(one.pid, (descriptors, threads))
                least[one.pid] = min(was[0], descriptors), min(was[1], threads)
            time.sleep(0.5)
        return least


def soak(folder: Path, options: Options, tell: Told, doubles: Doubles | None = None) -> Found:
    """Run it. AssertionError when weir does not start or its clients can't."""
    site = Site(folder, options, doubles)
    try:
        run = _Soak(site, tell)
        until(run.all_there, "weir and its ingester to be at work", seconds=60)
        run.load(options.warm, trouble=False) if options.warm else None
        before_quiet = run.quiet()
        before, since = run.watch.now, time.monotonic()
        run.load(options.seconds, trouble=True)
        took = time.monotonic() - since
        after_quiet = run.quiet()
        tell("reckoning", run._now())
        if options.warm:  # else what is there at first says nothing
            _descriptors(run.found, before_quiet, after_quiet, run.watch)
        _memory(run.found, run.watch, since, since + took, options)
        _figures(run, before, took)
        _settle(run, site)
    finally:
        code = site.stop()
    if code:
        run.found.wrong.append(f"weir ended with {code}")
    _audit(run.found, site)
    return run.found


def _descriptors(
    found: Found, before: dict[int, tuple[int, int]], after: dict[int, tuple[int, int]], watch: Watch
) -> None:
    for pid, (descriptors, threads) in after.items():
        if pid in before:
            for name, was, now in (("descriptors", before[pid][0], descriptors), ("threads", before[pid][1], threads)):
                if now > was + SPARE:
                    found.wrong.append(f"{watch.processes[pid].role} {pid}: {name} {was} → {now} at rest")


def _memory(found: Found, watch: Watch, since: float, end: float, options: Options) -> None:
    for one in watch.processes.values():
        within = [row for row in one.samples if since <= row[0] <= end]
        if not within:
            continue
        lasted = within[-1][0] - within[0][0]
        # Who was started in the middle has its own warming up.
        begun = max(since, one.samples[0][0] + (0 if one.samples[0][0] < since else options.warm))
        seen = one.memory(begun, end)  # after it nothing is asked for any more, and that is no sample of load
        line = slope(floors(seen))
        judged = lasted >= JUDGED_S
        if judged and grows(seen, options.slope_kb):
            found.wrong.append(
                f"{one.role} {one.pid} grows by {line.per_minute:.0f} ± {line.error:.0f} KB/min, "
                f"more than {options.slope_kb:.0f}"
            )
        found.processes.append(_told(one, within, lasted, line.per_minute, line.error, judged))


def _told(
    one: Process, within: list[tuple[float, int, int, int]], lasted: float, rise: float, error: float, judged: bool
) -> dict[str, Any]:
    return {
        "role": one.role,
        "pid": one.pid,
        "seconds": round(lasted),
        "mb": [round(kb / 1024, 1) for kb in (within[0][1], within[-1][1], max(row[1] for row in within))],
        "kb_per_min": round(rise, 1),
        "error": round(error, 1) if error < 1e9 else None,
        "judged": judged,
        "descriptors": [within[0][2], within[-1][2], max(row[2] for row in within)],
        "threads": [within[0][3], within[-1][3], max(row[3] for row in within)],
    }


def _figures(run: _Soak, before: Numbers, took: float) -> None:
    watch, figures = run.watch, run.found.figures
    lag = "weir_loop_lag_seconds"
    names = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    figures["loop_lag_ms"] = {name: quantile(before, watch.now, lag, share) for name, share in names}
    added = "weir_added_latency_seconds"
    figures["added_latency_ms"] = {name: quantile(before, watch.now, added, share) for name, share in names}
    figures["spool_lag"] = {
        "bytes_max": int(max((value for _, value in watch.lag_bytes), default=0)),
        "seconds_max": round(max((value for _, value in watch.lag_s), default=0.0), 1),
    }
    figures["untaken"] = int(sum(value for (name, _), value in watch.now.items() if name == "weir_audit_untaken_total"))
    figures["looks"] = {"of": len(watch.lag_s), "not_ready": watch.unready, "unanswered": watch.unheard}
    figures["seconds"] = round(took, 1)
    if figures["untaken"]:
        run.found.wrong.append(f"the audit did not take {figures['untaken']} records")


def _settle(run: _Soak, site: Site) -> None:
    """Wait until the store has what the spool has; how long that took."""
    begun = time.monotonic()

    def caught_up() -> bool:
        run.watch.look()
        return not run.watch.value("weir_spool_lag_bytes")

    try:
        until(caught_up, "the store to have all", seconds=QUIET_S, every=0.5)
    except AssertionError:
        run.found.wrong.append(f"{QUIET_S:g} s after the last client the store is behind")
    run.found.figures["store_caught_up_s"] = round(time.monotonic() - begun, 1)
    counted = sum(value for (name, _), value in run.watch.now.items() if name == "weir_exchanges_total")
    ends = sum(1 for row in rows_on_disk(site.weir.data) if row["kind"] in ENDS)
    if counted != ends:
        run.found.wrong.append(f"/metrics has {counted:.0f} ends of exchanges, the audit {ends}")
    metrics = "\n".join(f"{name} {labels}" for name, labels in run.watch.now)
    (site.folder / "weir" / "metrics.txt").write_text(metrics)


def _audit(found: Found, site: Site) -> None:
    """After the end: the chain, the ledgers, the store, the log and the canaries."""
    rows = rows_on_disk(site.weir.data)
    calls = rows_of(site.ledgers)
    wrong, found.outcomes = reckon(calls, rows)
    found.wrong += wrong
    found.wrong += verify_chain(site.weir.data / "spool")[:5]
    found.wrong += [f"a gap in the audit: {row.get('reason', '')}" for row in rows if row["kind"] == "gap"]
    found.figures |= {"requests": len(calls), "records": len(rows)}
    with _noted(found):
        check_store(site.weir.data, rows)
    output = site.weir.process.output()
    found.wrong += [f"in the log: {line[:200]}" for line in output.splitlines() if BAD.search(line)][:10]
    with _noted(found):
        found.figures["files_without_canaries"] = assert_no_canaries([site.folder / "weir"])
    found.figures["canaries"] = len(CANARIES)


@contextlib.contextmanager
def _noted(found: Found) -> Iterator[None]:
    try:
        yield
    except AssertionError as problem:
        found.wrong.append(str(problem))
