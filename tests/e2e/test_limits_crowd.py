"""A crowd at one budget: four processes of fifty threads on SQLite and PostgreSQL, and a process that is killed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.processes import Process, until
from harness.servers import Server, postgresql_server
from weir.limits.budget import Budget, Claim, Refused, Scope, Unit, Window
from weir.limits.ledger import Actual, Ledger, Reservation
from weir.model import Principal

DOLLAR = 10**9
BUDGET = Budget("crowd", Scope.ORG, Unit.NANO_USD, DOLLAR, Window.MONTH)
PROCESSES, THREADS = 4, 50

# Each thread makes requests: it holds an odd amount, then settles it or half of it, or gives it back. With a short
# hold it never ends and settles nothing: its process will be killed.
WORKER = """
import itertools, json, sys, threading
from pathlib import Path
from weir.limits.budget import Budget, Claim, Refused, Scope, Unit, Window
from weir.limits.ledger import Actual, Ledger
from weir.model import Principal

where, me, threads, hold = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
budget = Budget("crowd", Scope.ORG, Unit.NANO_USD, 10**9, Window.MONTH)
ledger = Ledger.open(Path(where) if where.startswith("/") else where, (budget,), timeout_s=60, hold_s=hold)
counts = {"held": 0, "refused": 0, "spent": 0, "errors": [], "most": 0}
lock, gate = threading.Lock(), threading.Barrier(threads + 1)

def request(number):
    gate.wait()
    for turn in itertools.count() if hold < 60 else range(4):
        asked = 777 if hold < 60 else 7_777_777 + 13 * number + turn
        name = f"{me}-{number}-{turn}"
        try:
            answer = ledger.reserve(Claim(name, Principal(), "s", "m", 1, asked))
            with lock:
                counts["refused" if isinstance(answer, Refused) else "held"] += 1
                for one in () if isinstance(answer, Refused) else answer.standings:
                    counts["most"] = max(counts["most"], one.spent + one.reserved)
            if isinstance(answer, Refused):
                continue
            if hold < 60:
                if turn % 2:
                    ledger.release(name)
            elif number % 3 == 2:
                ledger.release(name)
            else:
                used = asked if number % 3 else asked // 2
                ledger.settle(name, Actual(1, used))
                ledger.settle(name, Actual(1, used))
                with lock:
                    counts["spent"] += used
        except Exception as error:
            with lock:
                counts["errors"].append(repr(error))

crowd = [threading.Thread(target=request, args=(n,)) for n in range(threads)]
for thread in crowd: thread.start()
print("ready", flush=True)
sys.stdin.readline()
gate.wait()
for thread in crowd: thread.join()
print(json.dumps(counts), flush=True)
"""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    with postgresql_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """An empty store of each kind."""
    if request.param == "sqlite":
        return tmp_path / "limits.db"
    url: str = request.getfixturevalue("postgresql").url
    ledger = Ledger.open(url)
    tables = "TRUNCATE weir_accounts, weir_claims, weir_holds"
    ledger._store.run(lambda connection: connection.exec_driver_sql(tables))
    ledger.close()
    return url


def start(where: Path | str, folder: Path, number: int, threads: int, hold_s: float) -> Process:
    return Process(f"crowd-{number}", ["-c", WORKER, str(where), str(number), str(threads), str(hold_s)], folder)


def go(process: Process) -> None:
    until(lambda: "ready" in process.output(), f"{process.name} to be ready", seconds=60)
    assert process._child.stdin
    process._child.stdin.write(b"\n")
    process._child.stdin.flush()


def test_a_dollar_is_a_dollar(where: Path | str, tmp_path: Path) -> None:
    crowd = [start(where, tmp_path, number, THREADS, 600) for number in range(PROCESSES)]
    try:
        for process in crowd:
            until(lambda process=process: "ready" in process.output(), "all to be ready", seconds=60)
        for process in crowd:
            go(process)
        ledger = Ledger.open(where, (BUDGET,), timeout_s=60)
        while any(process.running for process in crowd):  # looked at all the while
            assert all(one.spent + one.reserved <= DOLLAR for one in ledger.standings())
            time.sleep(0.05)
    finally:
        for process in crowd:
            process.kill()
    counts = [json.loads(process.output().partition("ready")[2]) for process in crowd]
    assert [one["errors"] for one in counts] == [[]] * PROCESSES
    assert sum(one["held"] + one["refused"] for one in counts) == PROCESSES * THREADS * 4
    assert sum(one["refused"] for one in counts) > 0 and max(one["most"] for one in counts) <= DOLLAR
    (standing,) = ledger.standings()
    assert standing.reserved == 0 and standing.spent == sum(one["spent"] for one in counts) <= DOLLAR
    ledger.close()


def test_a_process_killed_in_the_middle_leaves_nothing_past_its_expiry(where: Path | str, tmp_path: Path) -> None:
    process = start(where, tmp_path, 0, 20, 5)
    ledger = Ledger.open(where, (BUDGET,), hold_s=600)
    try:
        go(process)
        until(lambda: any(one.reserved > 10 * 777 for one in ledger.standings()), "claims to be held", seconds=30)
        assert process.running
    finally:
        process.kill()
    (standing,) = ledger.standings()
    assert standing.reserved >= 777 and standing.spent == 0 and standing.reserved % 777 == 0
    whole = Claim("the whole dollar", Principal(), "s", "m", 1, DOLLAR)
    refused = ledger.reserve(whole)
    assert isinstance(refused, Refused) and refused.reason == "held"
    assert until(lambda: isinstance(ledger.reserve(whole), Reservation), "holds to end", seconds=20, every=0.2)
    assert ledger.settle("0-0-0", Actual(1, 5)).first  # and what it did use is still taken
    (standing,) = ledger.standings()
    assert (standing.spent, standing.reserved) == (5, DOLLAR)
    ledger.close()
