"""Runs `weir` with hooks that can be made to fail while it runs: ``python faultrun.py run --policy …``.

Which one fails, and how, stands in the file that ``WEIR_FAULT`` names (see ``harness.faults.Faults``), read anew at
each call of an instrumented function. The fault replaces the body inside the guard: the guard itself is weir's own.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder: it has a module called weir

HANG_TIMEOUT_S = 0.25
TIMEOUT_S = 30.0
SLEEPS_S = {"sleep": 0.6, "slow": 0.05}


class Switch:
    """What is armed just now, out of the control file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fired = path.with_suffix(".fired")

    def strike(self, where: str) -> Any:
        """Fail if `where` is armed: raise, or return what fails when awaited. None when it is not."""
        from weir.edge import guard

        fault = json.loads(self.path.read_text())
        guard.HOOK_TIMEOUT_S = HANG_TIMEOUT_S if fault.get("how") == "hang" else TIMEOUT_S
        if fault.get("where") != where:
            return None
        with self.fired.open("a") as file:
            file.write(f"{where}\n")
        how, message = fault["how"], fault["message"]
        if how == "raise":
            raise RuntimeError(message)
        if how == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if how in SLEEPS_S:
            time.sleep(SLEEPS_S[how])
            return None
        if how == "hang":
            return asyncio.Event().wait()
        return _later(how, message)


async def _later(how: str, message: str) -> None:
    await asyncio.sleep(0)
    raise asyncio.CancelledError if how == "cancel" else RuntimeError(message)


def instrument(owner: Any, name: str, where: str, switch: Switch) -> None:
    """Put the switch before a function's body, inside the guard where there is one."""
    from weir.edge.guard import guarded

    whole = getattr(owner, name)
    is_guarded = hasattr(whole, "__guarded__")
    body: Callable[..., Any] = whole.__wrapped__ if is_guarded else whole

    @functools.wraps(body)
    def failing(*arguments: Any, **named: Any) -> Any:
        struck = switch.strike(where)
        return body(*arguments, **named) if struck is None else struck

    setattr(owner, name, guarded(failing) if is_guarded else failing)


def main() -> None:
    """Instrument every hook of the chain and the points in `harness.faults`, then be `weir`."""
    from harness import faults

    switch = Switch(Path(os.environ["WEIR_FAULT"]))
    for hook in faults.chain_hooks():
        instrument(hook.owner, hook.name, hook.where, switch)
    for where, (owner, name) in faults.inner_points().items():
        instrument(owner, name, where, switch)
    from weir import cli
    from weir.audit.spool.writer import Spool

    # A disk that is full after a few records, and not after 64 MiB of them.
    Spool.__init__.__kwdefaults__.update(json.loads(os.environ.get("WEIR_SPOOL", "{}")))
    cli.main()


if __name__ == "__main__":
    main()
