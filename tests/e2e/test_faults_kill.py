"""``kill -9`` under load, again and again on the same data: nothing that was forwarded or answered is missing.

The disk is slow here, so that a request forwarded before its record was durable would be found at every kill.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.doubles import Doubles
from harness.faultclients import OPENAI, Raw, chat, head
from harness.faults import Faults
from harness.processes import until
from harness.weir import PROVIDER_HOSTS, Weir, write_policy

ROUNDS = int(os.environ.get("WEIR_KILL_ROUNDS", "4"))
CLIENTS = 6
TARGET = "/v1/chat/completions"


class Load:
    """Clients on keep-alive connections, each request with a model name of its own, by which it is found again."""

    def __init__(self, weir: Weir, key: str, label: str) -> None:
        self.weir, self.key, self.label = weir, key, label
        self.answered: set[str] = set()
        self.asked = 0
        self.stop = threading.Event()
        self._lock = threading.Lock()

    def work(self, client: int) -> None:
        number = 0
        while not self.stop.is_set():
            try:
                raw = Raw(self.weir).tunnel()
                while not self.stop.is_set():
                    number += 1
                    name = f"gpt-{self.label}-{client}-{number}"
                    body = chat(model=name, stream=number % 3 == 0)
                    data = head(body, OPENAI, TARGET, "POST", {"Authorization": f"Bearer {self.key}"}) + body
                    outcome = raw.reply_to(data)
                    with self._lock:
                        self.asked += 1
                        if outcome.status == 200 and not outcome.cut:
                            self.answered.add(name)
                    if outcome.cut:
                        break
                raw.close()
            except (OSError, AssertionError):  # it is dead
                if self.stop.wait(0.05):
                    return


@contextmanager
def load(weir: Weir, key: str, label: str) -> Iterator[Load]:
    made = Load(weir, key, label)
    threads = [threading.Thread(target=made.work, args=(number,), daemon=True) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.stop.set()
        for thread in threads:
            thread.join(20)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def torn(spool: Path) -> int:
    """Segments whose last line has no end."""
    return sum(not path.read_bytes().endswith(b"\n") for path in spool.glob("*.jsonl") if path.stat().st_size)


def test_nothing_forwarded_is_missing(request: pytest.FixtureRequest, artefacts: Path, doubles: Doubles) -> None:
    from weir.audit.spool.writer import verify_chain

    chance = random.Random(20240607)
    folder = artefacts / "weir"
    policy = write_policy(folder / "policy.yaml", "enforce", dlp__processes=0)
    keys = {f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()}

    started: list[Faults] = []

    def end() -> None:
        """A round that fails leaves its proxy running."""
        for proxy in started:
            if proxy.weir.process.running:
                proxy.weir.kill()

    request.addfinalizer(end)

    def start() -> Faults:
        started.append(Faults(folder, policy, doubles, hosts=PROVIDER_HOSTS, environment=keys))
        return started[-1]

    forwarded: set[str] = set()
    answered: set[str] = set()
    for number in range(ROUNDS):
        proxy = start()
        weir = proxy.weir
        ingester = until(lambda weir=weir: children(weir.process.pid), "the ingester")
        with proxy.armed("disk", "slow"), load(weir, doubles.keys["openai"], f"r{number}") as clients:
            until(lambda clients=clients: len(clients.answered) >= CLIENTS, "the load")
            time.sleep(chance.uniform(0.05, 0.6))  # a random point, not a wait for anything
            if number % 2:
                weir.kill()  # with its children
            else:
                weir.process.signal(signal.SIGKILL)  # alone: the ingester sees the end of its stdin
                weir.process.wait()
        assert until(lambda ingester=ingester: not any(map(alive, ingester)), "the ingester's own end", seconds=20)
        forwarded |= {row.json()["model"] for row in doubles.requests() if row.complete}
        answered |= clients.answered
        assert verify_chain(weir.data / "spool") == []
        assert torn(weir.data / "spool") <= number + 1

    _check(start, forwarded, answered)


def _check(start: Callable[[], Faults], forwarded: set[str], answered: set[str]) -> None:
    weir = start().weir
    try:
        rows = weir.records()
        recorded = {row["request_model"] for row in rows if row["kind"] == "request"}
        assert len(answered) > ROUNDS * CLIENTS
        assert forwarded - recorded == set()
        assert answered - recorded == set()
        whole = len({row["event_id"] for row in rows})
        assert whole == len(rows)
        counts = weir.sql(f"select count(*), count(distinct event_id) from events having count(*) >= {whole}")
        assert counts[0][0] == counts[0][1]
    finally:
        weir.stop()
    rows = weir.records()
    assert weir.sql("select count(*), count(distinct event_id) from events") == [(len(rows), len(rows))]
