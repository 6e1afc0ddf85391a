"""The ledger's part of the usage bench: what it costs the event loop, and how many it answers."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from weir.limits.admission import Admission
from weir.limits.budget import Budget, Claim, Scope, Unit, Window
from weir.limits.gate import Admitted
from weir.limits.ledger import Actual, Ledger
from weir.limits.plan import Plan
from weir.model import Principal

__all__ = ["BUDGETS", "ledger_stages", "ledgers"]

USD = 10**9
BUDGETS = (
    Budget("org", Scope.ORG, Unit.NANO_USD, 10**6 * USD, Window.MONTH),
    Budget("team", Scope.TEAM, Unit.NANO_USD, 10**6 * USD, Window.DAY),
)


async def ledger_stages(where: Path, rounds: int, warm: int) -> dict[str, float]:
    """Microseconds of the loop's own time as the chain asks, one claim after the other, the ledger in ``where``."""
    admission = Admission(Plan(BUDGETS, (), where), lambda standing: None)
    held, settled = list[int](), list[int]()
    for number in range(rounds + warm):
        name = f"loop-{number}"
        claim = Claim(name, Principal(team="red"), "openai", "gpt-5-mini", 1500, 3_000_000)
        begin = time.thread_time_ns()
        got = await admission.ask(claim)
        assert isinstance(got, Admitted)
        hold = admission.hold(got, stream=False, over=lambda: False, how=lambda: None)
        held.append(time.thread_time_ns() - begin)
        begin = time.thread_time_ns()
        admission.end(hold, Actual(640, 1_500_000))  # it is written down with the next one
        settled.append(time.thread_time_ns() - begin)
    await admission.close()
    return {
        "reserve": statistics.median(held[warm:]) / 1000,
        "settle": statistics.median(settled[warm:]) / 1000,
    }


@contextmanager
def stores() -> Iterator[dict[str, Path | str]]:
    """Where ledgers can be kept on this machine."""
    found: dict[str, Path | str] = {}
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        found["SQLite"] = Path(folder) / "limits.db"
        if not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
            yield found
            return
        from harness.servers import postgresql_server

        with postgresql_server() as server:
            found["PostgreSQL"] = server.url
            yield found


def crowd(ledger: Ledger, waiting: int, seconds: float) -> tuple[float, float, float]:
    """So many threads that reserve and settle: answers a second, and the median and the longest wait in ms."""
    waits: list[float] = []
    until = time.perf_counter() + seconds

    def work(number: int) -> None:
        turn = 0
        while time.perf_counter() < until:
            name, turn = f"crowd-{waiting}-{number}-{turn}", turn + 1
            claim = Claim(name, Principal(team="red"), "openai", "gpt-5-mini", 1500, 3_000_000)
            for step in (lambda claim=claim: ledger.reserve(claim), lambda name=name: ledger.settle(name, None)):
                begin = time.perf_counter()
                step()
                waits.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(waiting)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    return len(waits) / took, statistics.median(waits) * 1e3, max(waits) * 1e3


def ledgers(tick: Callable[[str], None]) -> list[tuple[str, ...]]:
    """One claim at a time, and crowds on the same two accounts."""
    rows = []
    with stores() as found:
        for name, where in found.items():
            ledger = Ledger.open(where, BUDGETS)
            alone = 0.0
            for waiting in (1, 8, 200):
                tick(f"{name}: {waiting} at once")
                speed, median, longest = crowd(ledger, waiting, 3.0)
                alone = alone or speed
                told = (f"{speed:,.0f}", f"{median:.2f}", f"{longest:.0f}", f"{speed / alone:.1f}x")
                rows.append((f"{name}, {waiting} at once", *told))
            ledger.close()
    return rows
