"""The work of an export: read, deliver, settle, move the cursor; wait and go back where a receiver is down."""

from __future__ import annotations

import math
import random
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import duckdb

from weir.audit.exports.cursors import ExportCursor
from weir.audit.exports.reading import Item, Reader
from weir.audit.exports.refused import RefusedRows
from weir.audit.exports.senders.target import Gone, Target, Unavailable
from weir.datadir import DataDirError

__all__ = ["Export", "run"]

ROWS = 500  # delivered at a time
POLL_S = 0.5
PAUSE_S_MAX = 60.0
TOLD_S = 300.0  # a receiver that stays down is told again after so long
TRIES = 5  # of an export that does not follow


@dataclass
class Export:
    """One stream of rows to one receiver. ``step`` it until ``over``; then ``finish``."""

    name: str
    reader: Reader
    target: Target
    cursor: ExportCursor
    refused: RefusedRows
    tell: Callable[[str], None]
    follow: bool = False
    sent: int = 0  # rows that the receiver has taken
    set_aside: int = 0  # entries among the refused
    over: bool = False
    failed: bool = False
    _fails: int = 0
    _wait_until: float = 0.0
    _told: tuple[str, float] = ("", -math.inf)
    _rows: int = 0  # delivered and not settled
    _since: float = 0.0
    _aside: list[tuple[Item, str]] = field(default_factory=list)

    def step(self) -> float:
        """Do a little; in how many seconds there is more to do. Raises Gone."""
        now = time.monotonic()
        if self.over or now < self._wait_until:
            return math.inf if self.over else self._wait_until - now
        try:
            return self._round(now)
        except (Unavailable, OSError, DataDirError, duckdb.Error) as error:
            return self._down(error)

    def finish(self) -> None:
        """Settle what was delivered, and let go of receiver and cursor."""
        try:
            if self._rows:
                self._settle()
        except (Unavailable, OSError, DataDirError) as error:
            self.tell(f"{self.name}: {_line(error)}; rows since the last confirmation will be sent again")
        finally:
            self.target.close()
            self.cursor.close()

    def _round(self, now: float) -> float:
        items = self.reader.batch(ROWS)
        rows = [item for item in items if item.row is not None]
        self._aside += ((item, item.problem) for item in items if item.row is None)
        if rows:
            for at, why in self.target.deliver([item.row for item in rows if item.row is not None]):
                item = rows[at] if at is not None else replace(rows[-1], row=None)
                self._aside.append((item, why))
        if items and not self._rows:
            self._since = now
        self._rows += len(items)
        old = time.monotonic() - self._since >= self.target.settle_s
        ends = self.reader.exhausted and not self.follow
        if self._rows and (ends or old or self._rows >= self.target.settle_rows):
            self._settle()
        elif not self._rows and self.reader.exhausted:
            self._idle()
        self.over = ends
        return POLL_S if self.reader.exhausted else 0.0

    def _settle(self) -> None:
        self.target.settle()
        self.refused.keep(self._aside)
        for item, why in self._aside[:3]:
            kept = f", set aside in {self.refused.path}" if self.refused.path else ""
            self.tell(f"{self.name}: {item.chain} seq {item.seq}: {why}{kept}")
        if len(self._aside) > 3:
            self.tell(f"{self.name}: and {len(self._aside) - 3} more of {self._rows} rows")
        self.sent += self._rows - sum(item.row is not None or bool(item.problem) for item, _ in self._aside)
        self.set_aside += len(self._aside)
        self.cursor.taken = self.reader.mark()
        self.cursor.save()
        self._rows, self._aside = 0, []
        if self._fails:
            self.tell(f"{self.name}: the receiver takes rows again")
        self._fails, self._told = 0, ("", -math.inf)

    def _idle(self) -> None:
        taken = self.reader.mark()
        if taken != self.cursor.taken:  # rows that were passed over
            self.cursor.taken = taken
            self.cursor.save()
        self.cursor.beat()

    def _down(self, error: Exception) -> float:
        self.reader.rewind()
        self.target.close()
        self._rows, self._aside = 0, []
        self._fails += 1
        if not self.follow and self._fails >= TRIES:
            self.over = self.failed = True
            self.tell(f"{self.name}: {_line(error)}; nothing is lost, the cursor stays: run it again")
            return math.inf
        asked = error.again_s if isinstance(error, Unavailable) else None
        pause = min(PAUSE_S_MAX, 2.0 ** min(self._fails - 1, 10)) * random.uniform(0.75, 1.25)  # not all at once
        pause = max(pause, asked or 0.0)
        now = time.monotonic()
        if (line := _line(error)) != self._told[0] or now - self._told[1] > TOLD_S:
            self._told = (line, now)
            self.tell(f"{self.name}: {line}; it is tried again, nothing is lost")
        self._wait_until = now + pause
        return pause


def run(exports: Sequence[Export], stop: threading.Event, progress: Callable[[], None] = lambda: None) -> None:
    """Work on exports side by side until all are over, ``stop`` is set or nobody reads any more."""
    try:
        while not stop.is_set():
            pause = min(export.step() for export in exports)
            progress()
            if all(export.over for export in exports):
                break
            if pause > 0:
                stop.wait(pause)
    except Gone:
        return
    finally:
        for export in exports:
            export.finish()


def _line(error: Exception) -> str:
    if isinstance(error, duckdb.Error):
        return f"the store cannot be read ({type(error).__name__})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, OSError):
        return f"it cannot be reached or written ({error.strerror or type(error).__name__})"
    return str(error)
