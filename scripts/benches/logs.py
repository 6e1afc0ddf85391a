"""Logs: how many lines a second `weir discover` reads, a format at a time, and how much memory that takes.

The peer, in the same run: a Python loop that splits each line and asks a dict for its host, for Squid's log. Arguments:
lines a format (default 1,000,000 of Squid and a fifth of that for the others).
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "addons"))

from weir.logs.opening import open_log
from weir.logs.reading import Asked, read
from weir.shadow.catalogue import Catalogue

LINES = 1_000_000
SERVICES = ("api.openai.com", "chatgpt.com", "claude.ai", "api.anthropic.com")
TARGET_S = 10.0
MEMORY_MB = 500

ZEEK = "#separator \\x09\n#path\tssl\n#fields\tts\tuid\tid.orig_h\tserver_name\tversion\n"
CSV = "Time,User,Domain,Bytes Sent,Bytes Received,Action\n"


def _host(random_: random.Random) -> str:
    return random_.choice(SERVICES) if random_.random() < 0.02 else f"host{random_.randrange(5_000)}.example.com"


FORMATS: dict[str, tuple[str, Callable[[random.Random, int], str]]] = {
    "squid": ("", lambda r, i: f"{1790000000 + i / 10:.3f} {r.randrange(9999):6d} 10.0.{i % 7}.{i % 251} TCP_TUNNEL/200"
              f" {r.randrange(90000)} CONNECT {_host(r)}:443 user{i % 300} HIER_DIRECT/1.2.3.4 -\n"),
    "zeek": (ZEEK, lambda r, i: f"{1790000000 + i / 10:.6f}\tC{i}\t10.0.{i % 7}.{i % 251}\t{_host(r)}\tTLSv13\n"),
    "csv": (CSV, lambda r, i: f'2026-01-02 03:04:{i % 60:02d},"user{i % 300}",{_host(r)},{r.randrange(9999)},5,ok\n'),
    "dns": ("", lambda r, i: f"[{1790000000 + i // 10}] unbound[12:0] info: 10.0.{i % 7}.{i % 251} {_host(r)}. A IN\n"),
}  # fmt: skip


def _peer(path: Path) -> int:
    found = 0
    services = dict.fromkeys(SERVICES)
    with path.open() as file:
        for line in file:
            fields = line.split()
            found += fields[6].rpartition(":")[0] in services
    return found


def main(lines: int = LINES) -> None:
    """Print a line a format, and the peer's."""
    catalogue = Catalogue.load()
    asked = Asked(
        whose=lambda host, path: found.id if (found := catalogue.by_host(host, path or None)) else "",
        shared=catalogue.is_shared,
    )
    with tempfile.TemporaryDirectory() as place:
        for name, (header, line) in FORMATS.items():
            count = lines if name == "squid" else lines // 5
            path = Path(place) / name
            made = random.Random(7)
            with path.open("w") as file:
                file.write(header)
                file.writelines(line(made, number) for number in range(count))
            began, processor = time.perf_counter(), time.process_time()
            with open_log(path) as log:
                reading = read(log, asked)
            took, used = time.perf_counter() - began, time.process_time() - processor
            assert reading.format == name and reading.requests == count
            print(
                f"{name:6} {count:>9,} lines in {took:5.1f} s ({used:5.1f} s of processors):"
                f" {count / took:>9,.0f} a second"
            )
            if name == "squid":
                if lines == LINES:
                    print(f"{'':6} target: {TARGET_S:.0f} s")
                began = time.perf_counter()
                assert _peer(path) == reading.requests - reading.other_requests
                print(
                    f"{'':6} peer, a loop that only splits and looks up:"
                    f" {count / (time.perf_counter() - began):,.0f} a second"
                )
            path.unlink()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"memory: {most} MB at most (target: {MEMORY_MB} MB)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
