"""What a virtual key costs a request: 10,000 keys, 1,000 checks a second for ten seconds, beside the same loop idle.

A check is what the hooks do: look the key up, compare what it is good for with what is asked, note the use; while the
thread follows the store, a key is revoked and another issued every tenth of a second, and uses are written down.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "addons"))

from weir.keys.credentials import Presented
from weir.keys.refusal import Asked, key_refusal
from weir.keys.virtual import Grant, KeyBudget, VirtualKeys, network, new_key
from weir.keys.virtual.rows import Issued
from weir.model import AuthPlace

SWITCH_S = 0.0005
PLACE = AuthPlace(header="authorization")
GRANT = Grant(
    app="bench",
    team="finance",
    services=("openai", "anthropic"),
    models=("gpt-5*", "claude-*"),
    operations=("chat", "embeddings"),
    networks=(network("10.20.0.0/16"), network("10.30.0.0/16"), network("2001:db8::/32")),
    budget=KeyBudget.parse("50/month"),
)
ASKED = Asked("anthropic", "10.30.1.2", "chat", "claude-sonnet-4-5")


def filled(folder: Path, count: int) -> tuple[VirtualKeys, list[str]]:
    """A store with ``count`` keys, and the keys."""
    ring = VirtualKeys(folder / "limits.db", bytes(range(32)), timeout_s=30.0)
    first, key = ring.issue(GRANT)
    keys = [new_key() for _ in range(count - 1)]
    issued = []
    for number, one in enumerate(keys):
        record = type(first)(f"vk-{number:012x}", created=first.created, **_fields())
        issued.append(Issued(record, ring._digest(one).hex()))
    ring.take(issued)
    return ring, [key, *keys]


def _fields() -> dict[str, object]:
    return {
        name: getattr(GRANT, name) for name in ("app", "team", "services", "models", "operations", "networks", "budget")
    }


def check(ring: VirtualKeys, key: str) -> None:
    """Look one key up, and compare what it is good for with what is asked."""
    shown = (Presented(PLACE, key, 0, declared=True, virtual=True),)
    assert key_refusal(shown, ring, ASKED, datetime.now(UTC)) == ""


def whole(ring: VirtualKeys, key: str) -> None:
    """What the hooks do for one request: a check of its headers, one before it goes, and the use is noted."""
    check(ring, key)
    check(ring, key)
    record = ring.lookup(key)
    assert record is not None
    ring.used(record, "10.30.1.2", datetime.now(UTC))


def paced(rate: int, seconds: float, work: Callable[[int], None]) -> list[float]:
    """Microseconds of each call of ``work``, ``rate`` a second."""
    took, begin = [], time.perf_counter()
    for number in range(int(rate * seconds)):
        wait = begin + number / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        at = time.perf_counter()
        work(number)
        took.append((time.perf_counter() - at) * 1e6)
    return sorted(took)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.setswitchinterval(SWITCH_S)  # as weir sets it
        ring, keys = filled(Path(folder), given.keys)
        began = time.perf_counter()
        VirtualKeys(Path(folder) / "limits.db", bytes(range(32)))
        loaded = time.perf_counter() - began
        chance = random.Random(1)
        order = [chance.choice(keys) for _ in range(int(given.rate * given.seconds))]
        strangers = [new_key() for _ in range(1_000)]
        admin = VirtualKeys(Path(folder) / "limits.db", bytes(range(32)), timeout_s=30.0)
        made: list[str] = []

        def busy(number: int) -> None:
            check(ring, order[number])

        def unknown(number: int) -> None:
            assert ring.lookup(strangers[number % 1_000]) is None
            ring.fresh(strangers[number % 1_000])

        def whole_request(number: int) -> None:
            whole(ring, order[number])

        ring.start()
        gc.collect()
        rows = [
            ("nothing", paced(given.rate, given.seconds, lambda _: None)),
            ("check", paced(given.rate, given.seconds, busy)),
        ]
        rows.append(("all checks of a request, and its use", paced(given.rate, given.seconds, whole_request)))
        rows.append(("an unknown key", paced(given.rate, given.seconds, unknown)))

        over = threading.Event()

        def administer() -> None:
            while not over.wait(0.1):
                if made:
                    admin.revoke(made.pop())
                made.append(admin.issue(GRANT)[0].id)

        thread = threading.Thread(target=administer)
        thread.start()
        rows.append(("check while keys change", paced(given.rate, given.seconds, busy)))
        over.set()
        thread.join()
        ring.stop()
    print(f"{given.keys:,} keys, {given.rate:,}/s for {given.seconds:g} s; read whole in {loaded * 1000:.0f} ms")
    print("| | p50 µs | p99 µs | longest µs |\n|---|---|---|---|")
    for name, took in rows:
        print(f"| {name} | {took[len(took) // 2]:.1f} | {took[len(took) * 99 // 100]:.1f} | {took[-1]:.0f} |")


if __name__ == "__main__":
    main()
