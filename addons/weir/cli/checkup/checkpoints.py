"""The evidence: is what weir records signed, by a key that is kept well, and published where it should be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from weir.cli.checkup import Result, fail, ok, warn
from weir.cli.checkup.process import held

__all__ = ["published", "signed"]

LATE_S = 300.0
FIRST_S = 600.0  # a crash may come between the first key and the first checkpoint
_SHOWN = 5


def signed(data: Path) -> Iterator[Result]:
    """The key, the age of the last checkpoint, and what the witness found."""
    from weir.audit.evidence.covered import log_of
    from weir.audit.evidence.keys import PUBLIC, signing_key
    from weir.audit.evidence.state import State
    from weir.datadir import DataDir, DataDirError

    public = data / "keys" / PUBLIC
    if not public.exists():
        yield warn("checkpoints", "nothing is signed yet", "weir run signs what is recorded; see its log if it runs")
        return
    try:
        place = DataDir(data)
        signing_key(place.keys, place.proxy_id)
        yield ok("checkpoint key", f"readable by nobody else; keep a copy of keys/{PUBLIC} elsewhere, to verify with")
    except DataDirError as error:
        yield fail("checkpoint key", str(error), "put it right: until then nothing new is signed")
    log = log_of(data)
    if not log.exists() or not log.stat().st_size:
        if time.time() - public.stat().st_mtime < FIRST_S:
            yield warn(
                "checkpoints", "nothing is signed yet", "weir run signs what is recorded; see its log if it runs"
            )
            return
        yield fail("checkpoints", "there is a key and no checkpoint: the log is gone", "put it back from a backup")
        return
    age = max(0.0, time.time() - log.stat().st_mtime)
    shown = f"the last was signed {_span(age)} ago"
    behind = max((path.stat().st_mtime for path in data.glob("spool/*.jsonl")), default=0.0) - log.stat().st_mtime
    if behind > LATE_S and held(data / "audit" / "ingest.lock"):
        yield warn("checkpoints", f"{shown}, and rows came since", "see weir's log: it says why none is signed")
    else:
        yield ok("checkpoints", shown)
    for text in State(log.with_name("witness.json")).found[:_SHOWN]:
        yield fail("checkpoints", text, "weir audit verify tells all; keep everything as it is and find out what")


def published(data: Path) -> Iterator[Result]:
    """Up to where each place of the policy has the log."""
    from weir.audit.evidence.covered import log_of
    from weir.audit.evidence.publish.cursors import Cursors
    from weir.audit.evidence.publish.duty import cursors_of

    log = log_of(data)
    size = log.stat().st_size if log.exists() else 0
    for name, cursor in sorted(Cursors(cursors_of(data)).all.items()):
        has = f"{name} has checkpoints up to number {cursor.number}" if cursor.number else f"{name} has none yet"
        if cursor.trouble:
            yield warn("published", f"{has}; {cursor.trouble}", "weir tries again by itself; nothing is skipped")
        elif cursor.bytes < size and time.time() - cursor.sent / 1e6 > LATE_S:
            yield warn("published", f"{has}, and there are newer ones", "they go there while weir or its ingester runs")
        else:
            yield ok("published", has)


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
