"""A storm of signals is one; a second one, later, is a second one."""

from __future__ import annotations

import asyncio
import os
import signal

from weir.edge.process.stops import ONE_STOP_S, Stops, to_the_end


def test_signals_to_stop() -> None:
    now, came = [100.0], []
    stops = Stops(lambda: came.append("drain"), lambda: came.append("end"), lambda: now[0])
    for _ in range(50):
        stops()
    now[0] += ONE_STOP_S / 2
    stops()
    assert came == ["drain"]
    now[0] += ONE_STOP_S
    stops()
    assert came == ["drain", "end"]


def test_at_the_very_end_no_signal_changes_anything() -> None:
    names = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)
    kept = {name: signal.getsignal(name) for name in names}

    async def main() -> int:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
        return 7

    try:
        assert to_the_end(main()) == 7
        for name in names:
            os.kill(os.getpid(), name)
    finally:
        for name, handler in kept.items():
            signal.signal(name, handler)
