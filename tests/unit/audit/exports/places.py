"""Spools, stores and targets to export from and to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unit.audit.conftest import make_record
from weir.audit.exports.cursors import ExportCursor
from weir.audit.exports.reading import Reader
from weir.audit.exports.refused import RefusedRows
from weir.audit.exports.row import Row, text
from weir.audit.exports.senders.target import Refusals
from weir.audit.exports.work import Export
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import now_us
from weir.audit.spool.writer import Spool

__all__ = ["Taker", "an_export", "boot", "ingest", "texts", "work"]


def boot(data: Path, name: str, rows: int, *, segment: int = 1 << 20, **given: Any) -> list[str]:
    """One run of a proxy: ``rows`` records; their event ids."""
    data.mkdir(mode=0o700, exist_ok=True)
    spool = Spool(data / "spool", "p1", name, segment_bytes_max=segment)
    spool.start()
    made = [make_record(**{"ts": now_us(), **given}) for _ in range(rows)]
    for number, record in enumerate(made):
        spool.put(record)
        if number % 3 == 2:  # what is committed together comes into one segment
            spool.flush(5)
    assert spool.close(60)
    return [record.event_id for record in made]


def ingest(data: Path) -> None:
    """Bring the spool into the store."""
    with Ingester(data / "spool", data / "audit") as ingester:
        ingester.run_once()


def texts(rows: Sequence[Row | None]) -> list[str]:
    """Event ids of rows."""
    return [text(row, "event_id") for row in rows if row is not None]


@dataclass
class Taker:
    """A target that keeps what it is given; ``trouble`` is raised by the calls that it names, one each time."""

    settle_s: float = 0.0
    settle_rows: int = 1
    taken: list[Row] = field(default_factory=list)
    settled: int = 0
    closed: int = 0
    trouble: list[tuple[str, Exception]] = field(default_factory=list)
    refuse: Callable[[Row], bool] = lambda row: False

    def deliver(self, rows: Sequence[Row]) -> Refusals:
        self._trouble("deliver")
        self.taken += (row for row in rows if not self.refuse(row))
        return [(at, "not like this") for at, row in enumerate(rows) if self.refuse(row)]

    def settle(self) -> None:
        self._trouble("settle")
        self.settled = len(self.taken)

    def close(self) -> None:
        self.closed += 1

    def _trouble(self, where: str) -> None:
        if self.trouble and self.trouble[0][0] == where:
            raise self.trouble.pop(0)[1]


def an_export(data: Path, target: Any, *, follow: bool = False, since: int = 0, name: str = "c") -> Export:
    """An export with a cursor called ``name``; what it tells is in its ``told``."""
    folder = data / "exports"
    folder.mkdir(exist_ok=True)
    cursor = ExportCursor.take(folder / f"{name}.json", "there", "jsonl", since)
    told: list[str] = []
    made = Export(
        "there", Reader(data, cursor.taken, cursor.since), target, cursor,
        RefusedRows(folder / f"{name}.refused.jsonl"), told.append, follow=follow,
    )  # fmt: skip
    made.told = told  # type: ignore[attr-defined]
    return made


def work(export: Export) -> None:
    """Run an export to its end without waiting for anybody."""
    from weir.audit.exports.work import run

    run([export], threading.Event())
