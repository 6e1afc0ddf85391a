"""Shadow AI: what it costs to say which service a connection is for, beside ways to do it that come to mind first.

Prints microseconds for each connection by host name, as the decision to decrypt and the log reader ask. The peers: a
dict asked for each parent domain in turn, and one regular expression of all patterns. Times are of the processor: what
else runs on the machine counts little.
"""

from __future__ import annotations

import io
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "addons"))

from shadow_signals import by_signals

from weir.cli.discover.hosts import classify_hosts
from weir.sections import Services
from weir.shadow.catalogue import Catalogue
from weir.shadow.opinion import Opinion

NAMES = 100_000
OF_REGEX = 500  # names; it takes too long for more
TARGET_US = 5.0


def traffic(catalogue: Catalogue, count: int) -> list[str]:
    """Host names as an edge sees them: a third of the catalogue's, the rest of everything else."""
    made = random.Random(7)
    known = [pattern.replace("*", "edge-1") for pattern in sorted(catalogue.hosts)]
    ends = ("com", "net", "co.uk", "internal.corp.example", "cdn.example.net")
    return [
        made.choice(known) if made.random() < 1 / 3 else f"h{made.randrange(10**6)}.site{made.randrange(9999)}."
        f"{made.choice(ends)}"
        for _ in range(count)
    ]  # fmt: skip


def best_us(work: Callable[[str], object], names: Sequence[str], rounds: int = 3) -> float:
    """Microseconds a name, in the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for name in names:
            work(name)
        best = min(best, time.process_time() - began)
    return best / len(names) * 1e6


def dict_walk(catalogue: Catalogue) -> Callable[[str], object]:
    """The plain way: each parent domain looked up in turn. It knows no ``*`` within a name."""
    owners = {pattern.removeprefix("*."): pattern for pattern in catalogue.hosts}

    def find(host: str) -> object:
        host = host.lower().rstrip(".")
        while host:
            if host in owners:
                return owners[host]
            host = host.partition(".")[2]
        return None

    return find


def alternation(catalogue: Catalogue) -> Callable[[str], object]:
    """The other plain way: all patterns in one regular expression."""
    patterns = (re.escape(pattern).replace(r"\*", "[^/]+") for pattern in sorted(catalogue.hosts))
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns)).fullmatch


def by_host() -> None:
    """Connections by host name."""
    catalogue = Catalogue.load()
    loaded = best_us(lambda _: Catalogue.load(), ("",), 5) / 1e3
    opinion = Opinion(catalogue, Services(unsanctioned=["country:CN", "risk:unknown"]))  # type: ignore[arg-type]
    names = traffic(catalogue, NAMES)
    print(f"catalogue: {len(catalogue):,} services, {len(catalogue.hosts):,} host patterns, loaded in {loaded:.0f} ms")
    found = sum(opinion.of(name) is not None for name in names)
    print(f"{len(names):,} connections, {found:,} to AI services; microseconds each (promised: {TARGET_US:g}):")
    ours = best_us(opinion.of, names)
    rows = [
        ("service, status and score", ours),
        ("service alone", best_us(catalogue.by_host, names)),
        ("peer: dict of parent domains", best_us(dict_walk(catalogue), names)),
        ("peer: one regular expression", best_us(alternation(catalogue), names[:OF_REGEX], 1)),
    ]
    for name, took in rows:
        print(f"  {name:<32}{took:10.2f}  {took / ours:9.2f}×")
    data = "\n".join(names).encode()
    began = time.process_time()
    classify_hosts(io.BytesIO(data), len, opinion)
    print(f"weir discover --hosts: {len(names) / (time.process_time() - began):,.0f} names a second")


if __name__ == "__main__":
    by_host()
    by_signals()
