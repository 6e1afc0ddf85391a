"""The audit: can the spool be written, is its chain whole, does the ingester keep up, does the store answer."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weir.cli.checkup import Result, fail, ok, warn
from weir.cli.checkup.process import held
from weir.cli.output import StoreTrouble, store_errors
from weir.sections_audit import Disk

__all__ = ["chain", "ingester", "records", "space", "store"]

TAIL_BYTES = 64 << 20  # how much of the spool's end is verified; the whole is `verify_chain`'s work
LAG_BYTES = 32 << 20
NOT_YET = "weir run makes it; if weir has run, check --data"
_SHOWN = 5  # problems told; `weir audit verify` tells all
_GAP = b'"kind":"gap"'


@dataclass(slots=True)
class _Tail:
    rows: int = 0
    gaps: int = 0
    problem: str = ""


def space(data: Path, disk: Disk) -> Result:
    """Whether the spool can be written and its disk has the room that the policy wants."""
    from weir.audit.spool.room import free_bytes, shown

    spool = data / "spool"
    if not spool.is_dir():
        return warn("spool", "there is none yet", NOT_YET)
    if not os.access(spool, os.W_OK | os.X_OK):
        return fail("spool", f"{spool} cannot be written", "run weir as its owner, and check that the disk is mounted")
    free = free_bytes(spool)
    if free < disk.floor:
        why = f"{shown(free)} free, below audit.disk.floor ({shown(disk.floor)}): weir writes nothing"
        return fail("spool", why, "make room: until then on_failure decides about every request")
    if free < disk.warn:
        why = f"{shown(free)} free, below audit.disk.warn ({shown(disk.warn)})"
        return warn("spool", why, f"make room: below {shown(disk.floor)} weir stops writing")
    return ok("spool", f"writable, {shown(free)} free")


def chain(data: Path) -> Result:
    """Whether the newest part of the spool hangs together, row by row."""
    from weir.audit.spool.opened import size, stored
    from weir.audit.spool.retired import NOTHING, left_of

    chains, gone = left_of(data)
    if not chains:
        return warn("chain", "there is no spool yet, so no chain either", NOT_YET)
    tail, budget = _Tail(), TAIL_BYTES
    for name, paths in sorted(chains.items(), key=lambda one: stored(one[1][-1]).stat().st_mtime, reverse=True):
        chosen: list[Path] = []
        for path in reversed(paths):
            if budget <= 0:
                break
            chosen.insert(0, path)
            budget -= size(path)
        _verify(chosen, gone.get(name, NOTHING).head if len(chosen) == len(paths) else None, tail)
        if tail.problem:
            return fail("chain", tail.problem, "somebody or something changed the spool: keep it and find out what")
    if tail.gaps:
        why = f"the last {tail.rows} rows hang together; {tail.gaps} say that records were lost"
        return warn("chain", why, "weir audit sql \"SELECT ts, dropped, reason FROM events WHERE kind = 'gap'\"")
    return ok("chain", f"the last {tail.rows} rows hang together")


def _verify(paths: list[Path], before: str | None, tail: _Tail) -> None:
    """Follow the links through the last segments of one chain. ``before``: the hash that its first row is to name."""
    from weir.audit.spool.lines import BadLine, unseal

    for where, line in _lines(paths):
        try:
            body, said_before, said = unseal(line)
        except BadLine as problem:
            tail.problem = f"{where}: {problem}"
            return
        if before is not None and said_before != before:
            tail.problem = f"{where}: the link to the row before is broken"
            return
        if hashlib.sha256(said_before.encode() + body).hexdigest() != said:
            tail.problem = f"{where}: the row was edited"
            return
        before = said
        tail.rows += 1
        tail.gaps += _GAP in body


def _lines(paths: list[Path]) -> Iterator[tuple[str, bytes]]:
    from weir.audit.spool.opened import open_segment

    for path in paths:
        with open_segment(path) as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n") and path == paths[-1]:
                    return  # still being written, or torn by a crash before anybody was told it is safe
                yield f"{path.name}:{number}", line


def ingester(data: Path) -> Result:
    """Whether the ingester is alive when it should be, and how much of the spool the store does not have yet."""
    from weir.audit.ingester.cursor import Cursor
    from weir.audit.spool.opened import segments, size, stored

    chains = segments(data / "spool")
    if not chains and not (data / "audit" / "ingest.lock").exists():
        return warn("ingester", "there is no spool to take over yet, and no ingester", NOT_YET)
    paths = [path for paths in chains.values() for path in paths]
    cursor = Cursor.load(data / "audit" / "cursor.json")
    offsets = cursor.offsets if cursor else {}
    lag = sum(max(0, size(path) - offsets.get(path.name, 0)) for path in paths)
    alive = held(data / "audit" / "ingest.lock")
    behind = f"{lag / 1024:.0f} KiB of the spool not in the store yet" if lag else "the store has all of the spool"
    if alive:
        if lag > LAG_BYTES:
            return warn("ingester", behind, "wait; if it grows, see weir's log and the load of the disk")
        return ok("ingester", f"runs; {behind}")
    if any(held(stored(path)) for path in paths):
        return fail("ingester", f"weir runs without it; {behind}", "see weir's log: it says why the ingester ends")
    if lag:
        return warn("ingester", f"does not run; {behind}", "weir run takes it over; nothing is lost")
    return ok("ingester", f"does not run, as weir doesn't; {behind}")


def records(data: Path) -> list[Result]:
    """Whether spool and store have the same records, by their counts and by the seqs at the ends of files."""
    from weir.audit.spool.opened import segments

    if not (data / "audit" / "audit.duckdb").exists():
        if segments(data / "spool"):
            return [warn("records", "the spool has no store to compare it with", "start weir, then run doctor again")]
        return [warn("records", "there are none yet", NOT_YET)]
    try:
        with store_errors():
            from weir.audit.evidence.compare import compare

            count, problems = compare(data)
    except (StoreTrouble, ImportError) as error:
        return [fail("records", f"spool and store cannot be compared: {error}", "weir audit verify tells more")]
    wrong = [fail("records", str(problem), problem.remedy) for problem in problems]
    if len(wrong) > _SHOWN:
        wrong = [*wrong[:_SHOWN], fail("records", f"and {len(wrong) - _SHOWN} more", "weir audit verify names all")]
    return wrong or [ok("records", f"{count} in the store, and the spool has them too (weir audit verify reads all)")]


def store(data: Path) -> Result:
    """Whether DuckDB opens the store and the views answer."""
    if not (data / "audit" / "audit.duckdb").exists():
        return warn("store", "there is none yet", NOT_YET)
    try:
        with store_errors():
            from weir.audit.store import database as store

            _, rows = store.sql(data, "SELECT count(*), max(ts) FROM events")
    except (StoreTrouble, ImportError) as error:
        remedy = "delete audit/audit.duckdb (it holds views only) and start weir; the spool is the truth"
        return fail("store", str(error), remedy)
    count, newest = rows[0]
    return ok("store", f"{count} events, the newest of {newest:%Y-%m-%d %H:%M:%S} UTC" if newest else "no events yet")
