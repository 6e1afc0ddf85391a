"""weir beside stock mitmdump, bare mitmproxy, LiteLLM's proxy and Portkey's gateway: same upstream, same load, one run.

    scripts/bench peers --quick                      a minute or two: four cases
    scripts/bench peers                              some 15 minutes: 3 sizes, plain and streamed, 1 to 128 connections
    scripts/bench peers --only weir stock nginx      some of them; --cases 1K-plain-16 some of the cases
    scripts/bench peers --markdown FILE --json FILE  for docs/bench.md, and every figure there is

LiteLLM and Portkey are installed below build/peers when they are first asked for. Progress is told on stderr.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import peers_install
import peers_table
from peers_run import NAMES, Contender, start, usage_of
from peers_upstream import PeersNginx, write_bodies

__all__ = ["Case", "main"]

HERE = Path(__file__).resolve().parent
SIZES = {"1K": 1024, "32K": 32_768, "256K": 262_144}
COUNTS = {"1K": 9000, "32K": 3000, "256K": 400}  # bodies made ahead: who has sent all of them is done
CONNECTIONS = (1, 16, 128)
QUICK = ["1K-plain-16", "1K-stream-16", "32K-plain-16", "1K-plain-1"]


@dataclass(frozen=True)
class Case:
    """One load; its name is as in `--cases`."""

    size: str
    stream: bool
    connections: int

    @property
    def name(self) -> str:
        """As 1K-plain-16."""
        return f"{self.size}-{'stream' if self.stream else 'plain'}-{self.connections}"


ALL = [Case(size, stream, n) for size, stream, n in itertools.product(SIZES, (False, True), CONNECTIONS)]


class Watch(threading.Thread):
    """Looks at memory four times a second while the load runs."""

    def __init__(self, contender: Contender) -> None:
        super().__init__(daemon=True)
        self.contender, self.over = contender, threading.Event()
        self.rss = self.largest = 0

    def run(self) -> None:
        """Until `over`."""
        while not self.over.wait(0.25):
            seen = self.contender.usage()
            self.rss, self.largest = max(self.rss, seen.rss), max(self.largest, seen.largest)


def measure(
    case: Case, contender: Contender, nginx: PeersNginx, bodies: Path, length: int, seconds: float
) -> dict[str, float]:
    """One run of the load generator. Raises RuntimeError with what it said when it failed."""
    command = [sys.executable, str(HERE / "peers_load.py"), *contender.load_arguments(case.stream)]
    command += ["--bodies", str(bodies), "--length", str(length), "--connections", str(case.connections)]
    command += ["--seconds", str(seconds), "--warm", str(seconds / 5)]
    if contender.process is None:
        command += ["--recycle"]
    pipe = subprocess.PIPE
    environment = {**os.environ, "BENCH_KEY": contender.key}
    load = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
    assert load.stdin and load.stdout
    watch = Watch(contender)
    try:
        if load.stdout.readline() != "ready\n":
            raise RuntimeError(load.communicate(timeout=60)[1][-1500:])
        before, upstream = contender.usage(), usage_of(nginx.pids())
        watch.start()
        out, err = load.communicate("go\n", timeout=180)
        after, upstream_after = contender.usage(), usage_of(nginx.pids())
    finally:
        watch.over.set()
        load.kill()
    if load.returncode:
        raise RuntimeError(err[-1500:])
    figures: dict[str, float] = json.loads(out)
    per_request, wall = 1e3 / figures["requests"], figures["seconds"]
    cpu, behind = after.cpu_s - before.cpu_s, upstream_after.cpu_s - upstream.cpu_s
    figures |= {"cpu_ms": cpu * per_request, "cores": cpu / wall, "processes": after.processes}
    figures |= {"load_cores": figures["load_cpu_s"] / wall, "upstream_cores": behind / wall}
    figures["around_ms"] = (figures["load_cpu_s"] + behind) * per_request  # what a request costs besides
    return figures | {"rss_mb": watch.rss / 1e6, "largest_mb": watch.largest / 1e6}


def run(cases: list[Case], names: list[str], seconds: float, folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """All cases with all contenders: figures by the name of the case and of the contender; none where it failed."""
    nginx = PeersNginx(folder / "upstream")
    running: list[Contender] = []
    results: dict[str, dict[str, dict[str, float]]] = {}
    try:
        for name in names:
            begun = time.monotonic()
            try:
                running.append(start(name, folder, nginx))
            except RuntimeError as error:
                _say(f"FAILED: {error}")
                continue
            _say(f"started {name} in {time.monotonic() - begun:.1f} s")
        _warm(running, nginx, folder / "bodies")
        for number, case in enumerate(cases):
            bodies = folder / "bodies"
            length = write_bodies(bodies, SIZES[case.size], COUNTS[case.size], case.stream, time.monotonic_ns())
            row = results[case.name] = {}
            for contender in running:
                try:
                    row[contender.name] = measure(case, contender, nginx, bodies, length, seconds)
                except RuntimeError as error:
                    _say(f"{case.name} {contender.name}: FAILED: {error}")
                    continue
                _say(f"[{number + 1}/{len(cases)}] {case.name} {contender.name}: {_brief(row[contender.name])}")
    finally:
        for contender in running:
            contender.stop()
        nginx.stop()
    return results


def _warm(running: list[Contender], nginx: PeersNginx, bodies: Path) -> None:
    """What each does once, at its start or with its first requests, must not count: ask a little, wait for rest."""
    for stream in (False, True):
        case = Case("1K", stream, 4)
        length = write_bodies(bodies, SIZES["1K"], 500, stream, time.monotonic_ns())
        for contender in running:
            with suppress(RuntimeError):  # it will fail again, and be shown
                measure(case, contender, nginx, bodies, length, 0.5)
    for contender in running:
        deadline, before = time.monotonic() + 20, contender.usage().cpu_s
        while time.monotonic() < deadline:
            time.sleep(0.5)
            now = contender.usage().cpu_s
            if now - before < 0.05:
                break
            before = now
        else:
            _say(f"{contender.name} does not come to rest: its CPU figures hold work of its own")


def _brief(row: dict[str, float]) -> str:
    cores = f"cores {row['cores']:.2f} + load {row['load_cores']:.2f} + upstream {row['upstream_cores']:.2f}"
    return f"{row['rate']:.0f}/s, p50 {row['p50_ms']:.1f} ms, {row['cpu_ms']:.2f} CPU ms/request; {cores}"


def _machine() -> str:
    node = "none"
    if shutil.which("node"):
        node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    return (
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start, Python {platform.python_version()}, "
        f"mitmproxy {version('mitmproxy')}, LiteLLM {peers_install.LITELLM}, Portkey's gateway {peers_install.PORTKEY} "
        f"(node {node})"
    )


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench peers", description=__doc__.partition("\n")[0] if __doc__ else ""
    )
    parser.add_argument("--quick", action="store_true", help="four cases, 1.5 s each")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=NAMES, default=NAMES, help=", ".join(NAMES))
    parser.add_argument(
        "--cases", nargs="+", metavar="CASE", choices=[case.name for case in ALL], help="as 32K-stream-16"
    )
    parser.add_argument("--seconds", type=float, help="of each measurement (default 2.5; 1.5 with --quick)")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the tables for docs/bench.md there")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every figure there")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the contenders' logs")
    return parser.parse_args()


def main() -> int:
    """Run and print; 1 when anything failed."""
    options, begun, machine = arguments(), time.monotonic(), _machine()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that what was started is ended
    wanted = options.cases or (QUICK if options.quick else [case.name for case in ALL])
    cases = [case for case in ALL if case.name in wanted]
    names = [name for name in NAMES if name in options.only or name == "nginx"]
    folder = Path(tempfile.mkdtemp(prefix="weir-bench-"))
    try:
        results = run(cases, names, options.seconds or (1.5 if options.quick else 2.5), folder)
    finally:
        if options.keep:
            _say(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    text = peers_table.document([asdict(case) | {"name": case.name} for case in cases], names, results, machine)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=1))
    _say(f"took {time.monotonic() - begun:.0f} s")
    return 0 if all(name in row for row in results.values() for name in names) else 1


if __name__ == "__main__":
    sys.exit(main())
