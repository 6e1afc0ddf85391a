"""Logs: how many lines a second `weir discover` reads, a format at a time, and how much memory that takes.

Squid's log is of 5,000 hosts and 300 people; its peer, in the same run, is a Python loop that splits each line and asks
a dict for its host. The others are the logs that the tests read, with the junk that stands in them. Processor time is
given too: it says what a line costs, whatever else runs. Arguments: lines of Squid (default 1,000,000; a tenth of them
of each other format, a five hundredth of recordings), then names of those to read (default: all).
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "addons"))

from tests.harness.logs.samples import NAMES, sample

from weir.logs.opening import open_log
from weir.logs.reading import Asked, Reading, read
from weir.shadow.catalogue import Catalogue

LINES = 1_000_000
SERVICES = ("api.openai.com", "chatgpt.com", "claude.ai", "api.anthropic.com")
TARGET_S = 10.0
MEMORY_MB = 500
RECORDINGS = ("har", "mitm")


def _host(made: random.Random) -> str:
    return made.choice(SERVICES) if made.random() < 0.02 else f"host{made.randrange(5_000)}.example.com"


def _squid(made: random.Random, number: int) -> str:
    return (
        f"{1790000000 + number / 10:.3f} {made.randrange(9999):6d} 10.0.{number % 7}.{number % 251} TCP_TUNNEL/200"
        f" {made.randrange(90000)} CONNECT {_host(made)}:443 user{number % 300} HIER_DIRECT/1.2.3.4 -\n"
    )


def _peer(path: Path) -> int:
    found = 0
    services = dict.fromkeys(SERVICES)
    with path.open() as file:
        for line in file:
            fields = line.split()
            found += fields[6].rpartition(":")[0] in services
    return found


def _timed(name: str, path: Path, asked: Asked) -> Reading:
    began, processor = time.perf_counter(), time.process_time()
    with open_log(path) as log:
        reading = read(log, asked)
    took, used = time.perf_counter() - began, time.process_time() - processor
    print(
        f"{name:18} {reading.lines:>9,} lines in {took:5.1f} s: {reading.lines / took:>9,.0f} a second;"
        f" {used / reading.lines * 1e6:>5.1f} µs of processors a line",
        flush=True,
    )
    return reading


def main(lines: int = LINES, *names: str) -> None:
    """Print a line a log, and the peer's."""
    catalogue = Catalogue.load()
    asked = Asked(
        whose=lambda host, path: found.id if (found := catalogue.by_host(host, path or None)) else "",
        shared=catalogue.is_shared,
    )
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "log"
        if not names or "squid" in names:
            made = random.Random(7)
            with path.open("w") as file:
                file.writelines(_squid(made, number) for number in range(lines))
            reading = _timed("squid", path, asked)
            assert reading.format == "squid" and reading.requests == lines
            if lines == LINES:
                print(f"{'':18} target: {TARGET_S:.0f} s")
            began = time.perf_counter()
            assert _peer(path) == reading.requests - reading.other_requests
            took = time.perf_counter() - began
            print(f"{'':18} peer, a loop that only splits and looks up: {lines / took:,.0f} a second")
        for name in names or [each for each in NAMES if each != "squid"]:
            if name != "squid":
                log = sample(name, 7, lines // (500 if name in RECORDINGS else 10))
                path.write_bytes(log.content)
                reading = _timed(name, path, asked)
                assert reading.format == log.format and reading.requests == len(log.told)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"memory: {most} MB at most, with the logs' making (target: {MEMORY_MB} MB)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
