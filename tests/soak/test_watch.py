"""Lines through samples, and what a histogram's buckets say."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys

import pytest

from harness.processes import until
from soak.watch import WINDOW_S, Process, Watch, floors, grows, quantile, slope

BOUND = 2048.0
LEAK_KB_S = 90.0  # less than two TLS connections a second that nobody lets go


def memory(seed: int, *, leak: float = 0.0, seconds: int = 360) -> list[tuple[float, float]]:
    """As a process of weir looks: caches that fill up, garbage until its collection, arenas that step up at first."""
    chance = random.Random(seed)
    step_at, period = sorted(chance.uniform(0, seconds / 2) for _ in range(2)), chance.uniform(30, 70)
    return [
        (
            float(t),
            340_000
            + leak * t
            + 8000 * (1 - math.exp(-t / 90))
            + 9000 * (t % period) / period
            + sum(6000 for at in step_at if t > at)
            + chance.choice((0, 0, 0, 4096, 8192)),
        )
        for t in range(0, seconds, 2)
    ]


@pytest.mark.parametrize("kb_per_s", [0, 1, 50])
def test_a_slope_is_found_through_noise(kb_per_s: int) -> None:
    chance = random.Random(1)
    found = slope(floors([(float(t), 300_000 + kb_per_s * t + chance.uniform(-2000, 2000)) for t in range(0, 600, 2)]))
    assert abs(found.per_minute - kb_per_s * 60) <= found.error < 600
    assert found.least < kb_per_s * 60 and found.samples == 600 / WINDOW_S


def test_what_leaks_is_told_from_what_fills_up() -> None:
    falsely = sum(grows(memory(seed), BOUND) for seed in range(200))
    missed = sum(not grows(memory(seed, leak=LEAK_KB_S), BOUND) for seed in range(200))
    assert falsely <= 4 and missed <= 4


@pytest.mark.parametrize("at", [40, 150, 200, 300])
def test_a_step_is_no_leak(at: int) -> None:
    assert not grows([(float(t), 300_000.0 + 40_000 * (t > at)) for t in range(0, 360, 2)], BOUND)


def test_few_samples_say_nothing() -> None:
    assert slope([]).error == slope([(1.0, 2.0), (2.0, 2.0)]).error == float("inf")
    assert slope([(1.0, 2.0)] * 50).error == float("inf")


def test_a_quantile_is_of_the_time_in_between() -> None:
    def metrics(*counts: int) -> dict[tuple[str, str], float]:
        bounds = ("0.001", "0.01", "+Inf")
        labels = [f'le="{bound}",worker="{n}"' for n in range(2) for bound in bounds]
        return {("lag_bucket", label): float(count) for label, count in zip(labels, counts * 2, strict=True)}

    before, after = metrics(0, 50, 50), metrics(98, 149, 150)
    assert quantile(before, after, "lag", 0.5) == 1.0
    assert quantile(before, after, "lag", 0.99) == 10.0
    assert quantile(before, after, "lag", 1.0) == float("inf")


def test_a_process_is_looked_at() -> None:
    me = Process(os.getpid(), "me")
    assert me.look(1.0)
    _, resident, descriptors, threads = me.samples[0]
    assert resident > 10_000 and descriptors >= 3 and threads >= 1
    assert not Process(2**22 + 1, "nobody").look(1.0)
    alone = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)  # this one has children
    try:
        watch = Watch(alone.pid, 1, ("127.0.0.1", 1))
        watch.look()
        assert [one.role for one in watch.living()] == ["weir"] and watch.unheard == 1 and watch.ingester() is None
    finally:
        alone.communicate(b"\n")


CHILD = (
    "import os, sys; input(); os.execv(sys.executable, [sys.executable, '-c', 'input()', 'weir.audit.' + 'ingester'])"
)


def test_who_was_seen_before_it_had_its_name_has_it_later() -> None:
    """A process is forked first, and is what it is to be only then: on a busy machine that is a while."""
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
    root = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    assert root.stdin is not None
    try:
        watch = Watch(root.pid, 1, ("127.0.0.1", 1))

        def roles() -> list[str]:
            watch.look()
            return [one.role for one in watch.living()]

        until(lambda: roles() == ["weir", "helper"], "a child of another name")
        root.stdin.write(b"\n")
        root.stdin.flush()
        until(lambda: roles() == ["weir", "ingester"], "its own name")
        assert watch.ingester() is not None
    finally:
        root.communicate(b"\n\n")
