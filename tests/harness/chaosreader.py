"""Analysts with stock DuckDB, in a process of their own that knows nothing of weir.

    python chaosreader.py loop STORE SECONDS QUESTIONS     every question in turn, again and again, on one connection
    python chaosreader.py visit STORE SECONDS QUESTIONS    the same, but each time the store is opened and closed again
    python chaosreader.py hold STORE SECONDS               one transaction with a slow cursor, held open that long

QUESTIONS is a JSON object of SQL by name. Stdout is one JSON line; of ``loop`` what was asked and everything wrong.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path
from typing import Any

import duckdb

# Each gives (key, rows, different rows, rows there must be at least, or -1); the first is exact: seq has no hole.
ONCE = {
    "events, once each": "SELECT boot_id, count(*), count(DISTINCT seq), max(seq)::BIGINT FROM events GROUP BY ALL",
    "exchanges, once each": "SELECT '', count(*), count(DISTINCT exchange_id), -1 FROM exchanges",
    "findings, once each": "SELECT '', count(*), count(DISTINCT (event_id, ord)), -1 FROM findings",
    "tool calls, once each": "SELECT '', count(*), count(DISTINCT (event_id, ord)), -1 FROM tool_calls",
}


class Reader:
    """One connection and what it saw."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.store = duckdb.connect(path, read_only=True)
        self.asked: Counter[str] = Counter()
        self.longest: dict[str, float] = {}
        self.wrong: list[str] = []
        self.rows = 0
        self._least: dict[tuple[str, str], int] = {}

    def ask(self, name: str, sql: str) -> list[tuple[Any, ...]]:
        """The answer; an error is noted and gives none."""
        begin = time.monotonic()
        try:
            answer = self.store.execute(sql).fetchall()
        except duckdb.Error as error:
            self.wrong.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            answer = []
        self.asked[name] += 1
        self.longest[name] = max(self.longest.get(name, 0.0), time.monotonic() - begin)
        return answer

    def again(self) -> None:
        """Leave, and come back: in between, as far as this one goes, nobody has the store open."""
        self.store.close()
        self.store = duckdb.connect(self.path, read_only=True)

    def count(self, name: str, sql: str) -> None:
        """Ask one of ONCE and note rows that are there twice, not there, or not there any more."""
        for key, rows, different, most in self.ask(name, sql):
            if rows != different:
                self.wrong.append(f"{name}: {rows - different} of {rows} twice ({key})")
            if most >= 0 and different != most:
                self.wrong.append(f"{name}: {most - different} of {most} missing ({key})")
            if different < self._least.get((name, key), 0):
                self.wrong.append(f"{name}: {self._least[name, key]} before, {different} now ({key})")
            self._least[name, key] = different
            self.rows = max(self.rows, rows)


def loop(store: str, seconds: float, questions: dict[str, str], *, visits: bool) -> dict[str, Any]:
    """Ask everything, again and again; never less than one whole turn. One of ONCE goes before every question.
    ``visits``: on a new connection each."""
    reader, begin, turns, counting = Reader(store), time.monotonic(), 0, cycle(ONCE.items())
    while not turns or time.monotonic() - begin < seconds:
        for name, sql in questions.items():
            if turns and time.monotonic() - begin >= seconds:
                break
            for ask, question in ((reader.count, next(counting)), (reader.ask, (name, sql))):
                if visits:
                    reader.again()
                ask(*question)
        turns += 1
    slowest = sorted(reader.longest.items(), key=lambda pair: -pair[1])[:5]
    asked = {"queries": reader.asked.total(), "turns": turns, "rows": reader.rows, "slowest": slowest}
    return {**asked, "names": len(reader.asked), "wrong": reader.wrong}


def hold(store: str, seconds: float) -> dict[str, Any]:
    """One transaction; its first query's rows are fetched little by little over the whole time, others are asked
    beside it on a second connection's transaction."""
    slow, beside = duckdb.connect(store, read_only=True), duckdb.connect(store, read_only=True)
    begin, wrong, counts, seen = time.monotonic(), list[str](), list[int](), Counter[Any]()
    try:
        for connection in (slow, beside):
            connection.execute("BEGIN TRANSACTION READ ONLY")
        slow.execute("SELECT boot_id, seq FROM events")
        while time.monotonic() - begin < seconds:
            seen.update(slow.fetchmany(10))
            answer = beside.execute("SELECT count(*) FROM events").fetchone()
            counts.append(answer[0] if answer else -1)
            time.sleep(0.1)
        while rows := slow.fetchmany(10_000):
            seen.update(rows)
        for connection in (slow, beside):
            connection.execute("COMMIT")
    except duckdb.Error as error:
        wrong.append(f"{type(error).__name__}: {str(error)[:300]}")
    last: dict[str, int] = {}
    for boot, seq in seen:
        last[boot] = max(last.get(boot, 0), seq)
    found = {"fetched": seen.total(), "twice": seen.total() - len(seen), "missing": sum(last.values()) - len(seen)}
    return {"held_s": time.monotonic() - begin, "counts": counts, **found, "wrong": wrong}


if __name__ == "__main__":
    mode, store, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if mode == "hold":
        told = hold(store, seconds)
    else:
        told = loop(store, seconds, json.loads(Path(sys.argv[4]).read_text()), visits=mode == "visit")
    print(json.dumps(told))
