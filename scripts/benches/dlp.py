"""The DLP engine beside full Presidio (no language model, the same entities), the same texts, one run.

Each line shows its target. Nothing is cached but where the line says so. Times of single scans are processor time, so
that what else the machine does does not count; those of the crowd are wall time. Takes about two minutes.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "addons"))

from dlp_texts import chat, code, filled, hostile, key, prose  # noqa: E402

from weir.dlp.core.engine import Engine  # noqa: E402
from weir.dlp.personal.presidio import DEFAULT_ENTITIES  # noqa: E402
from weir.edge.process.workers import Workers  # noqa: E402
from weir.model import Segment  # noqa: E402

SIZES = (1_000, 10_000, 100_000)
HELPERS = 2
CLIENTS = 64
Row = tuple[str, str, str, str, str]


def segments(text: str) -> list[Segment]:
    """One message."""
    return [Segment("/messages/0/content", "user", text)]


def percentile(times: Iterable[float], part: float) -> float:
    """In milliseconds."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1e3


def timed(work: Callable[[str], object], texts: Sequence[str]) -> list[float]:
    """Seconds for each text."""
    times = []
    for text in texts:
        begin = time.thread_time()
        work(text)
        times.append(time.thread_time() - begin)
    return times


def presidio() -> Callable[[str], object]:
    """Full Presidio as its makers run it without a model, for the entities that weir looks for by default."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    engine = NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "no_op", "models": [{"lang_code": "en", "model_name": "no_op"}]}
    ).create_engine()
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(nlp_engine=engine)
    analyzer = AnalyzerEngine(nlp_engine=engine, registry=registry, supported_languages=["en"])
    known = set(analyzer.get_supported_entities("en"))
    entities = [entity for entity in DEFAULT_ENTITIES if entity in known]
    analyzer.analyze("warm up", "en", entities=entities)
    return lambda text: analyzer.analyze(text, "en", entities=entities, score_threshold=0.5)


def throughput(engine: Engine, full: Callable[[str], object]) -> list[Row]:
    """Megabytes a second on one core."""
    kinds = {
        "clean prose": ([prose(100_000, seed) for seed in range(40)], ""),
        "sparse text (a finding in 20 KB)": ([filled(100_000, 20_000, seed) for seed in range(40)], ">= 20"),
        "dense text (a finding in 1 KB)": ([filled(100_000, 1_000, seed) for seed in range(12)], ""),
        "source code (standard library)": (code(100_000, 40), ""),
    }
    rows = []
    for name, (texts, target) in kinds.items():
        ours = sum(map(len, texts)) / sum(timed(lambda text: engine.scan(segments(text)), texts)) / 1e6
        some = texts[:4]
        theirs = sum(map(len, some)) / sum(timed(full, some)) / 1e6
        rows.append((f"{name}, MB/s", f"{ours:.1f}", f"{theirs:.2f}", f"{ours / theirs:.0f}x", target))
    return rows


def latency(engine: Engine, full: Callable[[str], object]) -> list[Row]:
    """Milliseconds for new text."""
    targets = {10_000: "<= 0.6 / 2", 100_000: "<= 5 / 12"}
    rows = []
    for size in SIZES:
        kinds = {
            "sparse": [filled(size, 20_000, seed) for seed in range(300)],
            "code": code(size, 300),
        }
        for kind, texts in kinds.items():
            ours = timed(lambda text: engine.scan(segments(text)), texts)
            theirs = timed(full, texts[:12])
            p50, p99, other = percentile(ours, 0.5), percentile(ours, 0.99), percentile(theirs, 0.5)
            name = f"{size // 1000} KB {kind}, p50 / p99 ms"
            rows.append((name, f"{p50:.2f} / {p99:.2f}", f"{other:.1f}", f"{other / p50:.0f}x", targets.get(size, "")))
    return rows


def history() -> list[Row]:
    """A chat sends its whole history each turn."""
    rows, told = [], {}
    for name, entries in (("with", 20_000), ("without", 0)):
        engine = Engine.load(fingerprint_key=b"bench", cache_entries=entries)
        turns = [chat(turn) for turn in range(1, 31)]
        begin = time.thread_time()
        scanned = sum(engine.scan(turn).scanned_chars for turn in turns)
        told[name] = (scanned, (time.thread_time() - begin) * 1e3)
    (few, fast), (many, slow) = told["with"], told["without"]
    kept, read = f"{few / 1e3:.0f}", f"{many / 1e3:.0f} uncached"
    rows.append(("30-turn chat, KB scanned", kept, read, f"{many / few:.1f}x", ">= 15x"))
    rows.append(("30-turn chat, ms in all", f"{fast:.1f}", f"{slow:.1f} uncached", f"{slow / fast:.1f}x", ""))
    return rows


def hostility(engine: Engine) -> list[Row]:
    """100 KB each that were made to take long, with a key at the end: it is found, or the scan says it is not whole."""
    worst, clean, incomplete = (0.0, ""), [], 0
    texts = hostile(100_000)
    for name, text in texts.items():
        begin = time.thread_time()
        scan = engine.scan(segments(f"{text} {key(name)}"), deadline_s=2.0)
        took = time.thread_time() - begin
        worst = max(worst, (took, name))
        incomplete += not scan.complete
        if scan.complete and not any(finding.category == "secret" for finding in scan.findings):
            clean.append(name)
    found = f"{worst[0] * 1e3:.0f} ({worst[1]})"
    told = f"{len(clean)} {' '.join(clean)}".strip()
    return [
        (f"{len(texts)} hostile texts of 100 KB, longest ms", found, "", "", "<= 250"),
        ("  of these silently clean", told, "", f"{incomplete} not complete", "0"),
    ]


def big(engine: Engine) -> list[Row]:
    """8 MB in one message: time, and how far the process grows."""
    rows = []
    for name, text in (("prose", prose(8_000_000, 1)), ("hostile", hostile(8_000_000)["mixed"])):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _status("VmRSS")
        begin = time.thread_time()
        scan = engine.scan(segments(text), deadline_s=2.0)
        took = time.thread_time() - begin
        grown = _status("VmHWM") - before
        told = f"{took * 1e3:.0f} / {grown:.0f}"
        rows.append((f"8 MB {name}, ms / MB grown", told, "", scan.reason or "complete", ""))
    return rows


def _status(name: str) -> float:
    """A figure of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1e3


async def crowd(engine: Engine) -> dict[str, float]:
    """Milliseconds of loop lag and of a small request, alone and beside 64 prompts of 100 KB."""
    workers, lags, small, ended = Workers(), list[float](), list[float](), False

    async def probe() -> None:
        while not ended:
            begin = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - begin - 0.001)

    async def little() -> None:
        count = 0
        while not ended:
            count += 1
            asked = segments(prose(1000, count))
            begin = time.perf_counter()
            engine.scan(asked, deadline_s=0.02)
            await asyncio.sleep(0)
            small.append(time.perf_counter() - begin)
            await asyncio.sleep(0.002)

    async def large(number: int, text: str) -> None:
        asked = segments(text)
        await workers.run(engine.scan, asked, timeout_s=60, lane="dlp", owner=str(number))

    beside = [asyncio.create_task(probe()), asyncio.create_task(little())]
    await asyncio.sleep(1.5)
    told = {"small_alone": percentile(small, 0.5), "small_alone_p99": percentile(small, 0.99)}
    lags.clear()
    small.clear()
    texts = [filled(100_000, 2_000, seed) for seed in range(CLIENTS)]
    begin = time.perf_counter()
    await asyncio.gather(*(large(number, text) for number, text in enumerate(texts)))
    told |= {"took": (time.perf_counter() - begin) * 1e3, "lag_p50": percentile(lags, 0.5)}
    told |= {"lag_p99": percentile(lags, 0.99), "small": percentile(small, 0.5), "small_p99": percentile(small, 0.99)}
    ended = True
    await asyncio.gather(*beside)
    workers.close()
    return told


def crowds() -> list[Row]:
    """The same with threads alone and with scanning processes."""
    rows = []
    for count in (0, HELPERS):
        engine = Engine.load(fingerprint_key=b"bench", cache_entries=0, helpers=count)
        engine.start()
        name = "threads"
        if engine.helpers is not None and engine.helpers.wait(60):
            name = f"{count} processes"
            for pid in engine.helpers.pids:
                rows.append((f"  process {pid}, MB of its own", f"{_own_mb(pid):.0f}", "", "", ""))
        told = asyncio.run(crowd(engine))
        lag = f"{told['lag_p50']:.2f} / {told['lag_p99']:.2f}"
        rows.append((f"{CLIENTS} x 100 KB, {name}: loop lag p50 / p99 ms", lag, "", f"{told['took']:.0f} ms", "<= 10"))
        beside = f"{told['small']:.2f} / {told['small_p99']:.2f}"
        ratio = f"{told['small'] / told['small_alone']:.1f}x"
        alone = f"{told['small_alone']:.2f} / {told['small_alone_p99']:.2f} alone"
        rows.append(("  1 KB beside them, p50 / p99 ms", beside, alone, ratio, "<= 2x"))
        engine.close()
    return rows


def _own_mb(pid: int) -> float:
    """Megabytes that a process shares with nobody, or its part of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1e3
    return 0.0


def main() -> int:
    """Run all and print one table."""
    from rich.console import Console
    from rich.table import Table

    console: Any = Console(width=130)
    random.seed(1)
    begin = time.perf_counter()
    engine = Engine.load(fingerprint_key=b"bench", cache_entries=0)
    loaded = time.perf_counter() - begin
    for text in (prose(600_000, 1), hostile(100_000)["hex"]):  # what is made ready at the first such text
        engine.scan(segments(text))
    full = presidio()
    console.print(
        f"Python {platform.python_version()}, presidio-analyzer {version('presidio-analyzer')}, hyperscan "
        f"{version('hyperscan')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {len(engine.detectors)} "
        f"detectors loaded in {loaded:.1f} s"
    )
    table = Table(title="weir's DLP engine and full Presidio")
    for column in ("", "weir", "Presidio", "ratio", "target"):
        table.add_column(column, justify="left" if not column else "right")
    for rows in (throughput(engine, full), latency(engine, full), history(), hostility(engine), big(engine), crowds()):
        for row in rows:
            table.add_row(*row)
        table.add_section()
    console.print(table)
    console.print(f"{time.perf_counter() - begin:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
