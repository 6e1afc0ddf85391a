"""Leases in memory and in a real Redis."""

from __future__ import annotations

import pytest

from harness.processes import until
from harness.servers import Server
from weir.limits.leases import LocalLeases, RedisLeases
from weir.limits.rates import Rates
from weir.limits.store import LedgerError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_so_many_at_once() -> None:
    clock = Clock()
    leases = LocalLeases(clock)
    assert [leases.take("k", holder, 2, 10) for holder in "aba"] == [True, True, True]
    assert not leases.take("k", "c", 2, 10) and leases.take("other", "c", 2, 10)
    leases.drop("k", "b")
    assert leases.take("k", "c", 2, 10)
    clock.now = 9
    assert leases.take("k", "a", 2, 10)  # for longer
    clock.now = 10
    assert leases.take("k", "d", 2, 10) and not leases.take("k", "e", 2, 10)
    clock.now = 30
    for holder in "ad":
        leases.drop("k", holder)
    leases.drop("other", "c")
    assert leases._held == {}


@pytest.mark.needs("redis-server")
def test_so_many_at_once_over_processes(redis: Server) -> None:
    first, second = (Rates((), redis.url)._leases for _ in range(2))
    assert isinstance(first, RedisLeases)
    assert first.take("k", "a", 2, 30) and second.take("k", "b", 2, 2.0) and first.take("k", "a", 2, 30)
    assert not first.take("k", "c", 2, 30)
    until(lambda: first.take("k", "c", 2, 30), "the lease of a process that is gone to end")
    second.drop("k", "a")
    second.drop("k", "nobody")
    assert second.take("k", "d", 2, 30) and not second.take("k", "e", 2, 30)


@pytest.mark.needs("redis-server")
def test_a_server_that_is_down_is_said_so(redis: Server) -> None:
    leases = Rates((), redis.url, timeout_s=0.5)._leases
    redis.stop()
    try:
        for use in (lambda: leases.take("k", "a", 2, 30), lambda: leases.drop("k", "a")):
            with pytest.raises(LedgerError, match="ConnectionError") as caught:
                use()
            assert caught.value.__cause__ is None and redis.url not in str(caught.value)
    finally:
        redis.start()
    assert leases.take("k", "z", 2, 30)
