"""Trouble for the audit: steady clients, writers and ingesters that are killed, and what must hold of spool and store.

"Acknowledged" is what somebody outside was told: a client got its whole answer, a writer said that a record is durable.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai

from .clients import trust
from .doubles import Doubles
from .processes import Process, until
from .weir import Weir

__all__ = ["RUNNER", "Shop", "Traffic", "check_store", "children", "gaps", "recorded", "rows_on_disk", "traffic"]

RUNNER = Path(__file__).with_name("chaosrun.py")
Rows = list[dict[str, Any]]


class Traffic:
    """Clients at work: one with the OpenAI SDK, the others with httpx. Each call asks for a model of its own name."""

    def __init__(self, weir: Weir, key: str, label: str, clients: int) -> None:
        self._weir, self._key, self._label = weir, key, label
        self.answered: set[str] = set()  # models of calls whose whole answer came
        self.refused: Counter[int] = Counter()  # other answers, by status
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(clients)]

    def _work(self, client: int) -> None:
        number = 0
        while not self._stop.is_set():
            with contextlib.suppress(httpx.HTTPError, openai.OpenAIError), self._client() as http:
                while not self._stop.is_set():
                    number += 1
                    model = f"gpt-{self._label}-{client}-{number}"
                    status = self._sdk(http, model) if client == 0 else self._plain(http, model, number % 3 == 0)
                    with self._lock:
                        if status == 200:
                            self.answered.add(model)
                        else:
                            self.refused[status] += 1
                    if status != 200 and self._stop.wait(0.05):
                        return
            if self._stop.wait(0.05):
                return

    def _client(self) -> httpx.Client:
        return httpx.Client(proxy=self._weir.url, verify=trust(self._weir.ca), timeout=60, trust_env=False)

    def _plain(self, http: httpx.Client, model: str, stream: bool) -> int:
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "How are you?"}]}
        headers = {"Authorization": f"Bearer {self._key}"}
        reply = http.post("https://api.openai.com/v1/chat/completions", json=body, headers=headers)
        whole = not stream or reply.status_code != 200 or reply.text.rstrip().endswith("[DONE]")
        return reply.status_code if whole else 0

    def _sdk(self, http: httpx.Client, model: str) -> int:
        made = openai.OpenAI(api_key=self._key, http_client=http, max_retries=0)
        try:
            made.chat.completions.create(model=model, messages=[{"role": "user", "content": "How are you?"}])
        except openai.APIStatusError as refused:
            return refused.status_code
        return 200

    def start(self) -> None:
        """Let them work."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the call each is in."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


@contextmanager
def traffic(weir: Weir, doubles: Doubles, label: str, clients: int = 4) -> Iterator[Traffic]:
    """Steady calls while the block runs, which begins once each client was answered on average."""
    made = Traffic(weir, doubles.keys["openai"], label, clients)
    made.start()
    try:
        until(lambda: len(made.answered) >= clients, f"the first answers; refused: {made.refused}")
        yield made
    finally:
        made.stop()


class Shop:
    """A spool with a writer and an ingester in processes of their own, to be killed and started again at will."""

    def __init__(self, folder: Path, *, spool: Mapping[str, Any], ingest: Mapping[str, Any], seed: int) -> None:
        self.folder, self.data, self._seed = folder, folder / "data", seed
        self._variables = {"WEIR_SPOOL": json.dumps(dict(spool)), "WEIR_INGEST": json.dumps(dict(ingest))}
        self._boots = 0
        self._acknowledged: list[Path] = []

    def writer(self, rate: float, slow_s: float = 0.0) -> Process:
        """A new boot, ``rate`` rows a second, on a disk that takes ``slow_s`` more for a commit."""
        self._boots += 1
        boot = f"boot{self._boots:03d}"
        words = ["writer", str(self.data / "spool"), boot, str(rate), str(self._seed + self._boots)]
        variables = {**self._variables, "WEIR_SLOW": str(slow_s)}
        made = Process(f"writer-{self._boots}", [str(RUNNER), *words], self.folder, variables)
        self._acknowledged.append(made.stdout_path)
        return made

    def ingester(self, interval_s: float = 0.05, *more: str) -> Process:
        """The ingester that weir runs, with passes that often."""
        words = ["ingester", "--data", str(self.data), "--interval-s", str(interval_s), "--watch-stdin", *more]
        return Process("ingester", [str(RUNNER), *words], self.folder, self._variables)

    def first_pass(self, ingester: Process) -> None:
        """Wait until it has brought something into the store; AssertionError with its last words when it does not."""

        def passed() -> bool:
            assert ingester.running, ingester.tail()
            return (self.data / "audit" / "cursor.json").exists()

        until(passed, "the first pass")

    def acknowledged(self) -> set[str]:
        """Flow ids of all exchanges whose request a writer said is durable."""
        return {line for path in self._acknowledged for line in path.read_text().split("\n")[:-1]}

    def catch_up(self) -> None:
        """One orderly round of an ingester; AssertionError when it finds fault with anything."""
        done = self.ingester(0.05, "--once")
        assert done.wait(60) == 0, done.tail()


def children(pid: int) -> list[int]:
    """Ids of a process's children."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def rows_on_disk(data: Path) -> Rows:
    """Every record of the spool, compressed segments too; a torn last line of a chain is none."""
    from weir.audit.spool.chain import replay

    return list(replay(data / "spool"))


def recorded(rows: Rows, column: str = "request_model") -> Counter[str]:
    """How often each value stands in a request record."""
    return Counter(str(row[column]) for row in rows if row["kind"] == "request" and column in row)


def gaps(rows: Rows) -> Rows:
    """The records by which the audit says that something is missing."""
    return [row for row in rows if row["kind"] == "gap"]


def check_store(data: Path, rows: Rows) -> None:
    """The store has exactly these records, each once, with their children. AssertionError names what differs."""
    import duckdb

    with duckdb.connect(str(data / "audit" / "audit.duckdb"), read_only=True) as store:
        there = store.execute("SELECT proxy_id, boot_id, seq::BIGINT, event_id::VARCHAR FROM events").fetchall()
        children = dict(
            store.execute(
                "SELECT 'findings', count(*) FROM findings UNION ALL SELECT 'tool_calls', count(*) FROM tool_calls"
            ).fetchall()
        )
        joined = store.execute("SELECT count(*), count(DISTINCT exchange_id) FROM exchanges").fetchone()
    wanted = Counter((row["proxy_id"], row["boot_id"], row["seq"], row["event_id"]) for row in rows)
    found = Counter(there)
    assert not wanted - found, f"{sum((wanted - found).values())} are missing: {sorted(wanted - found)[:3]}"
    assert not found - wanted, f"{sum((found - wanted).values())} too many: {sorted(found - wanted)[:3]}"
    for name, count in children.items():
        assert count == sum(len(row.get(name, ())) for row in rows), name
    assert joined is not None and joined[0] == joined[1], f"exchanges twice: {joined}"
