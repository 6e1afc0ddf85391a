"""A crowd at one budget: 200 requests at once from four processes, one of them killed in the middle, on SQLite and on
PostgreSQL, watched all the time by a process that knows nothing of weir and reads the tables itself."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.processes import Process, until
from harness.servers import Server, postgresql_server
from weir.limits.budget import Budget, Claim, Refused, Scope, Unit, Window
from weir.limits.ledger import Actual, Ledger, Reservation
from weir.limits.store import Store
from weir.model import Principal

DOLLAR = 10**9
BUDGET = Budget("crowd", Scope.ORG, Unit.NANO_USD, DOLLAR, Window.MONTH)
PROCESSES, THREADS, TURNS, HOLD_S = 4, 50, 6, 20.0

# Each thread makes requests: it holds an odd amount and settles it, or less, or gives it back, or forgets about it.
# What it is about to settle it says before, so that of a killed process is known what may have been settled.
WORKER = """
import json, random, sys, threading, time
from pathlib import Path
from weir.limits.budget import Budget, Claim, Refused, Scope, Unit, Window
from weir.limits.ledger import Actual, Ledger
from weir.model import Principal

where, me, threads, turns, hold = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
budget = Budget("crowd", Scope.ORG, Unit.NANO_USD, 10**9, Window.MONTH)
ledger = Ledger.open(Path(where) if where.startswith("/") else where, (budget,), timeout_s=60, hold_s=hold)
counts = {"held": 0, "refused": 0, "errors": [], "most": 0, "longest": 0.0}
lock, gate = threading.Lock(), threading.Barrier(threads + 1)

def say(**what):
    with lock:
        sys.stdout.write(json.dumps(what) + "\\n")
        sys.stdout.flush()

def timed(call, *given):
    begin = time.monotonic()
    answer = call(*given)
    with lock:
        counts["longest"] = max(counts["longest"], time.monotonic() - begin)
    return answer

def request(number):
    chance = random.Random(1000 * me + number)
    gate.wait()
    for turn in range(turns):
        asked, name = chance.randrange(3_000_000, 30_000_000), f"{me}-{number}-{turn}"
        try:
            answer = timed(ledger.reserve, Claim(name, Principal(), "s", "m", 1, asked))
            refused = isinstance(answer, Refused)
            with lock:
                counts["refused" if refused else "held"] += 1
                for one in () if refused else answer.standings:
                    counts["most"] = max(counts["most"], one.spent + one.reserved)
            what = chance.random()
            if refused or what < 0.1:
                continue
            time.sleep(chance.random() * 0.05)
            if what < 0.2:
                ledger.renew(name)
            if what < 0.6:
                timed(ledger.release, name)
                continue
            used = asked if what < 0.7 else asked // chance.randrange(2, 40)
            say(settles=used)
            first = timed(ledger.settle, name, Actual(1, used)).first
            again = timed(ledger.settle, name, Actual(1, used)).first
            assert first and not again, (first, again)
            say(settled=used)
        except Exception as error:
            with lock:
                counts["errors"].append(repr(error))

crowd = [threading.Thread(target=request, args=(n,)) for n in range(threads)]
for thread in crowd: thread.start()
say(ready=1)
sys.stdin.readline()
gate.wait()
for thread in crowd: thread.join()
say(counts=counts)
"""

WATCHER = """
import json, sys, time
where = sys.argv[1]
asked = '''SELECT a.spent + coalesce((SELECT sum(h.amount) FROM weir_holds h
    WHERE h.account = a.id AND h.expires > {now}), 0) FROM weir_accounts a'''
if where.startswith("/"):
    import sqlite3
    reader = sqlite3.connect(f"file:{where}?mode=ro", uri=True, timeout=60)
else:
    import psycopg
    reader = psycopg.connect(where, autocommit=True)
looks, most, going = 0, 0, True
print(json.dumps({"ready": 1}), flush=True)
import threading
def stop():
    global going
    sys.stdin.readline()
    going = False
threading.Thread(target=stop, daemon=True).start()
while going:
    for (both,) in reader.execute(asked.format(now=int(time.time() * 1_000_000))).fetchall():
        most = max(most, int(both))
    looks += 1
    time.sleep(0.001)
print(json.dumps({"looks": looks, "most": most}), flush=True)
"""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    with postgresql_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where an empty store of each kind is."""
    return tmp_path / "limits.db" if request.param == "sqlite" else str(request.getfixturevalue("postgresql").url)


def said(process: Process) -> list[dict[str, Any]]:
    """What a process has told; of one that was killed the last line may be half."""
    lines = process.stdout_path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def has_settled(process: Process) -> bool:
    """Whether it has settled some, and goes on."""
    told = said(process)
    return sum("settled" in one for one in told) >= 3 and "counts" not in told[-1]


def tell(process: Process) -> None:
    assert process._child.stdin
    process._child.stdin.write(b"\n")
    process._child.stdin.flush()


def run_the_crowd(where: Path | str, folder: Path) -> tuple[list[Process], Process]:
    """All have run to their end, but the last: that was killed once it had settled some and held more."""
    given = [str(THREADS), str(TURNS), str(HOLD_S)]
    crowd = [Process(f"crowd-{n}", ["-c", WORKER, str(where), str(n), *given], folder) for n in range(PROCESSES)]
    watcher = None
    try:
        # All at once: none of them finds the tables there.
        until(lambda: all(any("ready" in one for one in said(each)) for each in crowd), "a crowd")
        watcher = Process("watcher", ["-c", WATCHER, str(where)], folder)
        until(lambda: said(watcher), "somebody to watch")
        for process in crowd:
            tell(process)
        # Whichever settles first: the others may use the dollar up before a certain one has its turn.
        victim = until(lambda: next(filter(has_settled, crowd), None), "some to be settled", every=0.005)
        crowd.sort(key=lambda process: process is victim)
        crowd[-1].signal(signal.SIGKILL)
        for process in crowd[:-1]:
            assert process.wait() == 0, process.tail()
        assert crowd[-1].wait() == -signal.SIGKILL
        tell(watcher)
        assert watcher.wait() == 0, watcher.tail()
    finally:
        for process in [*crowd, *([watcher] if watcher else [])]:
            process.kill()
    return crowd, watcher


def test_a_dollar_is_a_dollar(where: Path | str, tmp_path: Path) -> None:
    crowd, watcher = run_the_crowd(where, tmp_path / "crowd")
    over_at = time.time() + HOLD_S
    seen = said(watcher)[-1]
    assert DOLLAR * 0.9 < seen["most"] <= DOLLAR and seen["looks"] > 50, seen
    counts = [said(process)[-1]["counts"] for process in crowd[:-1]]
    assert [one["errors"] for one in counts] == [[]] * (PROCESSES - 1)
    assert sum(one["held"] + one["refused"] for one in counts) == (PROCESSES - 1) * THREADS * TURNS
    assert sum(one["refused"] for one in counts) > 0 and max(one["most"] for one in counts) <= DOLLAR
    assert max(one["longest"] for one in counts) < 60, "as long as the store waits here"

    lines = [line for process in crowd for line in said(process)]
    surely = sum(line.get("settled", 0) for line in lines)
    at_most = (
        surely
        + sum(line.get("settles", 0) for line in said(crowd[-1]))
        - sum(line.get("settled", 0) for line in said(crowd[-1]))
    )
    ledger = Ledger.open(where, (BUDGET,), timeout_s=5, hold_s=600)
    (standing,) = ledger.standings()
    assert surely <= standing.spent <= at_most and standing.spent + standing.reserved <= DOLLAR
    assert standing.reserved > 0  # what was forgotten, and what the killed process held

    rest = Claim("all that is left", Principal(), "s", "m", 1, DOLLAR - standing.spent)
    refused = ledger.reserve(rest)
    assert isinstance(refused, Refused) and refused.reason == "held"
    ledger.close()
    # Nothing is held past its time, to which nobody has to wait: a process whose clock has got there asks the store.
    later = Ledger(Store.open(where, 5), (BUDGET,), clock=lambda: over_at)
    assert isinstance(later.reserve(rest), Reservation)
    assert isinstance(later.reserve(Claim("one more", Principal(), "s", "m", 1, 1)), Refused)
    later.settle("all that is left", Actual(1, 0))
    (after,) = later.standings()
    assert (after.spent, after.reserved) == (standing.spent, 0)
    later.close()
    print(
        f"{seen['looks']} looks, at most {seen['most']:,}; longest wait {max(one['longest'] for one in counts):.3f} s"
    )
