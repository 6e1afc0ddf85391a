"""Runs weir, or a part of its audit, so that a test can bring trouble over it from outside.

    python chaosrun.py run --policy …       the proxy: `weir run`
    python chaosrun.py ingester --data …    its ingester alone
    python chaosrun.py writer DIR BOOT …    a spool that is written at a pace

Variables: WEIR_SPOOL and WEIR_INGEST, JSON, change the defaults of `Spool` and `Ingester`; WEIR_CLOCK is a file of
eight bytes: how many nanoseconds the clock is off, to be changed at any time; WEIR_PLAIN=1 gives up what lets root
write where the permissions of a directory say no; WEIR_FULL is a file by whose being there the spool's disk is full,
WEIR_SLOW the seconds that it takes for a commit more than it does: who is told of records too early is found out.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import mmap
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder: it has a module called weir

OFFSET = struct.Struct("q")
_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE = 24, 1
BURST = 20  # exchanges handed over at once


def obey_permissions() -> None:
    """Be a root who may not write where the mode forbids it: the capability goes from the set that `exec` keeps."""
    if os.environ.pop("WEIR_PLAIN", "") and os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "the capability cannot be given up")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def shift_clock() -> None:
    """Let `time.time` and `time.time_ns` be off by what the file says at that moment."""
    name = os.environ.get("WEIR_CLOCK")
    if not name:
        return
    with Path(name).open("r+b") as file:
        view = mmap.mmap(file.fileno(), OFFSET.size)
    real = time.time_ns

    def shifted() -> int:
        return real() + int(OFFSET.unpack_from(view)[0])

    time.time_ns = shifted
    time.time = lambda: shifted() / 1e9


def change_defaults() -> None:
    """Smaller segments and quicker merges than in a proxy that runs for months."""
    from weir.audit.ingester.ingest import Ingester
    from weir.audit.spool.writer import Spool

    for owner, name in ((Spool, "WEIR_SPOOL"), (Ingester, "WEIR_INGEST")):
        defaults: dict[str, Any] = owner.__init__.__kwdefaults__  # type: ignore[misc]
        wanted = json.loads(os.environ.get(name, "{}"))
        assert wanted.keys() <= defaults.keys(), f"{name}: {owner.__name__} knows no {wanted.keys() - defaults.keys()}"
        defaults.update(wanted)


def spoil_disk() -> None:
    """A disk that is slow, or full where no small one can be mounted."""
    from weir.audit.spool import segment

    full, slow_s = os.environ.get("WEIR_FULL"), float(os.environ.get("WEIR_SLOW", "0"))
    reserve, append = segment.reserve, segment.Segment.append

    def reserve_or_not(fd: int, size: int) -> None:
        if full and Path(full).exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        reserve(fd, size)

    def append_slowly(self: segment.Segment, data: bytes) -> None:
        time.sleep(slow_s)
        append(self, data)

    segment.reserve = reserve_or_not
    if slow_s:
        segment.Segment.append = append_slowly  # type: ignore[method-assign]


async def write(directory: Path, boot: str, rate: float, seed: int) -> None:
    """Write exchanges for ever, ``rate`` rows a second; stdout has the flow id of each whose request is durable."""
    from harness.auditrows import exchanges
    from weir.audit.spool.writer import Spool, SpoolUnavailable
    from weir.datadir import DataDir

    spool = Spool(directory, DataDir(directory.parent).proxy_id, boot)
    spool.start()
    made = exchanges(seed, boot)
    begin, written = time.monotonic(), 0
    while True:
        pairs = [next(made) for _ in range(BURST)]
        answers = await asyncio.gather(*(spool.durable(request) for request, _ in pairs), return_exceptions=True)
        taken = [pair for pair, answer in zip(pairs, answers, strict=True) if answer is None]
        assert all(answer is None or isinstance(answer, SpoolUnavailable) for answer in answers), answers
        os.write(1, "".join(f"{request.flow_id}\n" for request, _ in taken).encode())
        for _, reply in taken:
            spool.put(reply)
        written += 2 * len(taken)
        await asyncio.sleep(max(0.0, begin + written / rate - time.monotonic()) if taken else 0.05)


def main() -> None:
    """Be what the first argument says."""
    obey_permissions()
    shift_clock()
    change_defaults()
    spoil_disk()
    if sys.argv[1] == "writer":
        directory, boot, rate, seed = sys.argv[2:6]
        asyncio.run(write(Path(directory), boot, float(rate), int(seed)))
    elif sys.argv[1] == "ingester":
        from weir.audit.ingester import process

        sys.exit(process.main(sys.argv[2:]))
    else:
        from weir import cli

        cli.main()


if __name__ == "__main__":
    main()
