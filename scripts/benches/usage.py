"""What it costs to account for an exchange: reading, counting, pricing, holding and settling, beside peers, one run.

Times are processor time of the thread that does the work (of the event loop, where the ledger is asked), medians of
many rounds. The ledger's own figures are wall time, on SQLite and, where it is installed, PostgreSQL. Takes a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "addons"), str(ROOT / "tests")]

import orjson  # noqa: E402
from usage_ledger import ledger_stages, ledgers  # noqa: E402
from usage_streams import PIECES, Case, cases, long_stream  # noqa: E402

from weir.model import Exchange, Reply  # noqa: E402
from weir.providers.services.registry import Registry  # noqa: E402
from weir.providers.wire.eventstream import Cutter  # noqa: E402
from weir.providers.wire.sse import Framer  # noqa: E402
from weir.usage.account import settle  # noqa: E402
from weir.usage.prices import Prices  # noqa: E402
from weir.usage.prompt import prompt_tokens  # noqa: E402
from weir.usage.tokens import Counter  # noqa: E402

ROUNDS, WARM = 300, 30
TARGET_US = 500
LONG_BYTES = 20_000_000
BLOCK = 65_536
Row = tuple[str, ...]
Step = Callable[[], object]


def microseconds(work: Step, rounds: int = ROUNDS) -> float:
    """The median of the thread's own time."""
    times = []
    for number in range(rounds + WARM):
        begin = time.thread_time_ns()
        work()
        if number >= WARM:
            times.append(time.thread_time_ns() - begin)
    return statistics.median(times) / 1000


class Bench:
    """What a running weir has loaded."""

    def __init__(self) -> None:
        self.registry = Registry.load()
        folders = [path for path in (ROOT / ".venv/share/weir/tokenizers",) if path.is_dir()]
        self.counter = Counter.load(*folders)
        self.counted = "tiktoken" if self.counter._ready() else "an estimate by characters"
        self.prices = Prices.load(warm=True)

    def dialect(self, case: Case) -> tuple[Any, Any]:
        """How the case is read."""
        provider = self.registry.by_host(case.host)
        assert provider is not None
        endpoint = provider.endpoint("POST", case.path)
        assert endpoint is not None
        return self.registry.dialect(endpoint.dialect), endpoint

    def read(self, case: Case, exchange: Exchange, dialect: Any) -> Reply:
        """The reply, chunk by chunk."""
        reader = dialect.reader(exchange, case.content_type)
        for chunk in case.chunks:
            reader.feed(chunk)
        reader.close()
        reply: Reply = reader.reply()
        return reply

    def stages(self, case: Case) -> dict[str, float]:
        """Microseconds of each step but the ledger's."""
        dialect, endpoint = self.dialect(case)
        exchange = dialect.parse(case.body, endpoint)
        reply = self.read(case, exchange, dialect)
        assert reply.complete and reply.usage and reply.usage.output_tokens == PIECES and len(reply.text) > 500, reply
        at = datetime.now(UTC)
        _, cost = settle(exchange, reply, self.counter, self.prices, case.provider, at)
        assert cost.nano_usd, (case.name, cost)

        def again() -> int:
            return prompt_tokens(exchange.segments, self.counter, case.model)

        def anew() -> int:
            self.counter._known._counts.clear()
            return again()

        return {
            "parse": microseconds(lambda: dialect.parse(case.body, endpoint)),
            "count": microseconds(anew),
            "again": microseconds(again),
            "extract": microseconds(lambda: self.read(case, exchange, dialect)),
            "price": microseconds(lambda: settle(exchange, reply, self.counter, self.prices, case.provider, at)),
        }


def peer_json(case: Case) -> Step:
    """No more than to cut the stream and to read each event's JSON: Python's own module."""

    def work() -> None:
        for chunk in case.chunks:
            for event in chunk.replace(b"\r", b"").split(b"\n\n"):
                data = event.partition(b"data: ")[2]
                if data and data != b"[DONE]":
                    json.loads(data)

    return work


def peer_client(case: Case) -> Step:
    """How the vendors' own clients read it: openai's SSE decoder, botocore's event stream; and the JSON."""
    if "bedrock" in case.name:
        from botocore.eventstream import EventStreamBuffer

        def binary() -> None:
            buffer = EventStreamBuffer()
            for chunk in case.chunks:
                buffer.add_data(chunk)
                for event in buffer:
                    json.loads(event.payload)

        return binary
    from openai._streaming import SSEDecoder

    def work() -> None:
        for event in SSEDecoder().iter_bytes(iter(case.chunks)):
            if event.data != "[DONE]":
                event.json()

    return work


def exchanges(bench: Bench, tick: Callable[[str], None]) -> tuple[list[Row], list[Row]]:
    """Each step of an exchange, and the reading of its reply beside peers."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        asked = asyncio.run(ledger_stages(Path(folder) / "limits.db", ROUNDS, WARM))
    rows, peers = [], []
    for case in cases():
        tick(case.name)
        took = bench.stages(case) | asked
        names = ("parse", "count", "extract", "price", "reserve", "settle")
        total = sum(took[name] for name in names)
        told = (f"{total:.0f}", f"{total / TARGET_US:.2f}", f"{took['again']:.0f}")
        rows.append((case.name, *(f"{took[name]:.0f}" for name in names), *told))
        plain, client = microseconds(peer_json(case), 60), microseconds(peer_client(case), 60)
        each = took["extract"] / len(case.chunks)
        per_event = (f"{each:.2f}", f"{plain / len(case.chunks):.2f}", f"{client / len(case.chunks):.2f}")
        if "bedrock" in case.name:
            per_event = (per_event[0], "", per_event[2])
        ratio = (client if "bedrock" in case.name else plain) / took["extract"]
        peers.append((case.name, *per_event, f"{ratio:.1f}x"))
    return rows, peers


def rates(bench: Bench, tick: Callable[[str], None]) -> list[Row]:
    """Megabytes a second of one long stream, in blocks as a fast upstream sends them."""
    rows = []
    for binary in (False, True):
        case = long_stream(LONG_BYTES, binary)
        whole = b"".join(case.chunks)
        dialect, endpoint = bench.dialect(case)
        exchange = dialect.parse(case.body, endpoint)
        blocks = [whole[at : at + BLOCK] for at in range(0, len(whole), BLOCK)]
        kind = "AWS event stream" if binary else "server-sent events"

        def framing(binary: bool = binary, blocks: Sequence[bytes] = blocks) -> None:
            cutter: Any = Cutter() if binary else Framer()
            for block in blocks:
                cutter.feed(block)

        def reading(
            chunks: Sequence[bytes] = blocks, case: Case = case, dialect: Any = dialect, exchange: Exchange = exchange
        ) -> None:
            reader = dialect.reader(exchange, case.content_type)
            for chunk in chunks:
                reader.feed(chunk)
            reader.close()
            assert reader.reply().complete

        def single(case: Case = case, reading: Callable[..., None] = reading) -> None:
            reading(case.chunks)

        def quick(case: Case = case) -> None:
            for chunk in case.chunks:
                data = chunk[6:-2]
                if data != b"[DONE]":
                    orjson.loads(data)

        work: list[tuple[str, Step, str]] = [
            ("framing alone", framing, ""),
            ("read, in blocks of 64 KB", reading, ">= 100"),
            ("read, an event at a time", single, ""),
            ("peer: the vendor's client, JSON read", peer_client(case), ""),
        ]
        if not binary:
            work.append(("peer: json.loads an event", peer_json(case), ""))
            work.append(("peer: orjson.loads an event, nothing else", quick, ""))
        for name, step, target in work:
            tick(f"{kind}: {name}")
            begin = time.thread_time()
            step()
            speed = len(whole) / (time.thread_time() - begin) / 1e6
            rows.append((f"{kind}: {name}", f"{speed:.0f}", f"{len(case.chunks) * speed / len(whole):.2f}", target))
    return rows


def main() -> int:
    """Run all and print the tables."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Table

    console: Any = Console(width=130)
    begin = time.perf_counter()

    def show(title: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        table = Table(title=title)
        for column in columns:
            table.add_column(column, justify="left" if not column else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("loading")

        def tick(what: str) -> None:
            progress.update(task, description=what)

        bench = Bench()
        steps, peers = exchanges(bench, tick)
        streams = rates(bench, tick)
        waits = ledgers(tick)
    console.print(
        f"Python {platform.python_version()}, orjson {orjson.__version__}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; prompts are counted by {bench.counted}"
    )
    names = ("", "parse", "count", "extract", "price", "reserve", "settle", "all", f"of {TARGET_US}", "counted again")
    show(f"µs of the event loop an exchange: 2 KB prompt, {PIECES}-chunk reply", names, steps)
    show("µs an event of that reply", ("", "weir", "json.loads", "client", "ratio"), peers)
    show("Streams", ("", "MB/s", "events/µs", "target"), streams)
    show("Ledger: answers of reserve and settle", ("", "per second", "median ms", "longest ms", ""), waits)
    console.print(f"{time.perf_counter() - begin:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
