"""``kill -9`` at random points, of who writes the audit and of who reads it: what was acknowledged is there, once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.support import command
from harness.chaos import RUNNER, Shop, check_store, children, gaps, recorded, rows_on_disk, traffic
from harness.doubles import Doubles
from harness.processes import Process, until
from harness.weir import Weir, write_policy
from weir.audit.spool.writer import verify_chain

SPOOL = {"segment_bytes_max": 96 << 10}
SLOW_S = 0.005
CLIENTS = 6
INGEST = {"merge_at": 3, "settle_s": 0.1, "grace_s": 0.3, "rows_max": 400, "fold_rows": 700}


def verified(data: Path) -> None:
    """`weir audit verify` finds nothing; AssertionError with what it found."""
    command("audit", "verify", "--data", str(data))


def test_a_writer_and_an_ingester_killed_at_random(
    artefacts: Path, scale: Any, tell: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    """They die by turns or both, in the midst of rotations, passes and merges."""
    chance = random.Random(scale.seed)
    shop = Shop(artefacts, spool=SPOOL, ingest=INGEST, seed=scale.seed)
    alive: list[Process] = []
    request.addfinalizer(lambda: [one.kill() for one in alive if one.running])
    rounds, killed = int(scale.of(6, 60)), {"writer": 0, "ingester": 0}
    writer, ingester = shop.writer(1_500, SLOW_S), shop.ingester()
    for _ in range(rounds):
        alive[:] = [writer, ingester]
        before = len(shop.acknowledged())
        until(lambda before=before: len(shop.acknowledged()) > before, "an acknowledged record")
        time.sleep(chance.uniform(0.0, 0.5))  # a random point, not a wait for anything
        victims = chance.choice(("writer", "ingester", "both"))
        if victims != "writer":
            ingester.kill()
            ingester = shop.ingester()
            killed["ingester"] += 1
        if victims != "ingester":
            writer.kill()
            writer = shop.writer(1_500, SLOW_S)
            killed["writer"] += 1
    until(lambda: writer.stdout_path.stat().st_size, "the last writer's first record")
    writer.kill()
    ingester.kill()
    shop.catch_up()

    rows, acknowledged = rows_on_disk(shop.data), shop.acknowledged()
    found = recorded(rows, "flow_id")
    tell(f"{rounds} rounds, killed {killed}; {len(acknowledged)} acknowledged, {len(rows)} rows")
    assert acknowledged - found.keys() == set()
    assert [flow for flow, count in found.items() if count > 1] == []
    assert gaps(rows) == []
    check_store(shop.data, rows)
    verified(shop.data)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(weir: Weir, victim: str) -> None:
    """Kill the proxy alone, its ingester alone, or all of its processes."""
    ingesters = until(lambda: children(weir.process.pid), "the ingester")
    if victim == "ingester":
        os.kill(ingesters[0], signal.SIGKILL)
        return
    if victim == "all":
        weir.kill()
    else:
        weir.process.signal(signal.SIGKILL)
        weir.process.wait()
    until(lambda: not any(map(alive, ingesters)), "the ingester's own end")  # it sees the end of its stdin


def torn(spool: Path) -> int:
    """Segments whose last line has no end."""
    return sum(not path.read_bytes().endswith(b"\n") for path in spool.glob("*.jsonl") if path.stat().st_size)


def test_the_proxy_and_its_ingester_killed_under_traffic(
    artefacts: Path,
    doubles: Doubles,
    scale: Any,
    tell: Callable[[str], None],
    request: pytest.FixtureRequest,
) -> None:
    """Real clients, the real proxy, its real ingester; the same data from kill to kill.

    The disk is slow, so that a request forwarded before its record was durable would be found at every kill.
    """
    chance = random.Random(scale.seed)
    policy = write_policy(artefacts / "policy.yaml", "enforce", dlp__processes=0)
    environment = {f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()} | {"WEIR_SLOW": "0.05"}
    started: list[Weir] = []
    request.addfinalizer(lambda: [weir.kill() for weir in started if weir.process.running])

    def start() -> Weir:
        started.append(Weir(artefacts / "weir", policy, doubles, environment=environment, program=[str(RUNNER)]))
        return started[-1]

    answered: set[str] = set()
    victims = [("ingester", "proxy", "all")[n % 3] for n in range(int(scale.of(3, 36)))]
    weir = start()
    for number, victim in enumerate(victims):
        with traffic(weir, doubles, f"r{number}", CLIENTS) as clients:
            time.sleep(chance.uniform(0.05, 0.8))
            kill(weir, victim)
            if victim == "ingester":
                before = len(clients.answered)
                until(lambda c=clients, n=before: len(c.answered) > n + 4, "answers while there is no ingester")
        answered |= clients.answered
        if not weir.process.running:
            assert answered - recorded(rows_on_disk(weir.data)).keys() == set()
            assert verify_chain(weir.data / "spool") == []
            assert torn(weir.data / "spool") <= number + 1
            weir = start()
    with traffic(weir, doubles, "last") as clients:
        pass
    answered |= clients.answered
    assert weir.stop() == 0

    rows = rows_on_disk(weir.data)
    found = recorded(rows)
    forwarded = {row.json()["model"] for row in doubles.requests() if row.complete}
    tell(f"{len(victims)} kills; {len(answered)} answered, {len(forwarded)} forwarded, {len(rows)} rows")
    assert len(answered) >= len(victims) * CLIENTS
    assert answered - found.keys() == set()
    assert forwarded - found.keys() == set()
    assert [model for model, count in found.items() if count > 1] == []
    assert gaps(rows) == []
    command("audit", "ingest", "--once", "--data", str(weir.data))
    check_store(weir.data, rows)
    verified(weir.data)
