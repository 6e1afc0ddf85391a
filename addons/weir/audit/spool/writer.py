"""The spool: where audit records become durable. A writer thread commits in groups; callers never wait on a disk.

The spool is the truth of the audit; the store is made from it. While the disk refuses, records wait in a bounded queue
and the writer tries again; what no longer fits is counted. Once writing works again, a `gap` record in the chain says
how long it did not and how many records are missing, so that a silent hole cannot exist.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from weir.audit.record import AuditRecord, now_us
from weir.audit.spool.bell import Bell
from weir.audit.spool.chain import replay, verify_chain
from weir.audit.spool.gaps import Outage, gap, stub
from weir.audit.spool.lines import GENESIS, encode, seal
from weir.audit.spool.room import FULL, Room
from weir.audit.spool.segment import Segment, release_reserves
from weir.audit.spool.waiters import Item, SpoolUnavailable, resolve

__all__ = ["Spool", "SpoolUnavailable", "replay", "verify_chain"]

log = logging.getLogger("weir.audit")
BATCH_MAX = 1_000  # records a commit
_LEAST_BYTES = 4096  # of a segment that is made in what little room there is above the floor
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class _Commit:
    """Records turned into lines, and where the chain stands once these are on disk."""

    items: list[Item]
    data: bytes
    seq: int
    prev_hash: str


class Spool:
    """Append-only, hash-chained JSON lines in ``<proxy_id>-<boot_id>-<number>.jsonl`` (directory 0700, files 0600)."""

    def __init__(
        self,
        directory: Path,
        proxy_id: str,
        boot_id: str,
        *,
        segment_bytes_max: int = 64 << 20,
        queue_max: int = 10_000,
        durable_timeout_s: float = 5.0,
        retry_s: float = 0.25,
        linger_s: float = 0.02,
        room: Room | None = None,
    ) -> None:
        """``boot_id`` is new at every start: a chain belongs to one run. ``linger_s``: how long records that nobody
        waits for may gather before a commit. ``room``: below its floor nothing is written. Raises ValueError for ids
        that cannot be part of a file name."""
        if not (_NAME.fullmatch(proxy_id) and _NAME.fullmatch(boot_id)):
            raise ValueError("proxy_id and boot_id take letters, digits, dot, dash and underscore, 128 at most")
        self._directory, self._proxy_id, self._boot_id = directory, proxy_id, boot_id
        self._segment_bytes_max, self._queue_max, self.room = segment_bytes_max, queue_max, room
        self._durable_timeout_s, self._retry_s, self._linger_s = durable_timeout_s, retry_s, linger_s
        self._lock = threading.Lock()
        self._bell = Bell()  # the writer waits here
        self._done = threading.Condition(self._lock)  # flush waits here
        self._queue: deque[Item] = deque()
        self._busy = 0  # records taken by the writer, not yet durable
        self._urgent = self._stop = False
        self._deadline = 0.0  # monotonic; after it a stopping writer gives up
        self._refused = ""  # why writing does not work; "" when it does
        self._outage: Outage | None = None  # to be told in a gap
        self._failed_at, self._failed_ns = 0, 0  # by the clock, and by one that never goes back
        self._lost = 0
        self._segment: Segment | None = None
        self._number, self._seq, self._prev_hash = 0, 0, GENESIS
        self._thread = threading.Thread(target=self._run, name="weir-audit-spool", daemon=True)

    # --- for callers ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the directory and the first segment and start the writer.

        A full disk does not raise: ``healthy`` is False then and the writer keeps trying. Raises OSError when the
        directory cannot be made, FileExistsError when this boot_id has been used before.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self._directory.glob(f"{self._proxy_id}-{self._boot_id}-*.jsonl*")):
            raise FileExistsError("this boot_id has a spool already: a new start needs a new one")
        release_reserves(self._directory)
        try:
            self._rotate()
        except OSError as error:
            self._fail(error.strerror or "write error", [])
        self._thread.start()

    @property
    def full(self) -> bool:
        """True while the disk has less free than the policy's floor, and nothing is written for that. Never waits."""
        return self.room is not None and self.room.was_full

    @property
    def healthy(self) -> bool:
        """True while the writer runs and its last attempt worked."""
        return not self._refused and self._thread.is_alive()

    @property
    def lag(self) -> int:
        """Records accepted and not yet durable."""
        return len(self._queue) + self._busy

    def put(self, record: AuditRecord, *, strict: bool = False) -> None:
        """Queue a record from any thread without waiting for a disk.

        Not strict: what finds no room is counted and reported by a `gap` record. Strict: SpoolUnavailable when there is
        no room or writing does not work at present; the record is not queued then, and counted just the same.
        """
        self._accept(Item(record), refuse_unhealthy=strict, refuse_full=strict)

    async def durable(self, record: AuditRecord) -> None:
        """Return once the record is on disk. Raises SpoolUnavailable when it is not by then, or not in time.

        Such a record may still be written later, when the disk takes it again: a record of something that was then
        refused is no harm, its absence would be.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._accept(Item(record, waiter), refuse_unhealthy=True, refuse_full=True)
        try:
            async with asyncio.timeout(self._durable_timeout_s):
                await waiter
        except TimeoutError:
            raise SpoolUnavailable("the audit disk did not answer in time") from None

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was queued is durable; False when it is not after ``timeout_s`` seconds."""
        with self._lock:
            self._urgent = True
            self._bell.ring()
            return self._done.wait_for(self._settled, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Write what is queued and stop the writer; False when records were left behind. Nothing is accepted after."""
        with self._lock:
            self._deadline = time.monotonic() + timeout_s
            self._stop = True
            self._bell.ring()
        if self._thread.is_alive():
            self._thread.join(timeout_s + self._retry_s)
        return not self._thread.is_alive() and self.lag == 0

    # --- any thread ----------------------------------------------------------------------------------------------

    def _accept(self, item: Item, *, refuse_unhealthy: bool, refuse_full: bool) -> None:
        # An event loop is here: it takes no lock that the writer may hold, and wakes it only where somebody waits.
        if self._stop or (refuse_unhealthy and self._refused) or len(self._queue) + self._busy >= self._queue_max:
            self._refuse(refuse_unhealthy=refuse_unhealthy, refuse_full=refuse_full)
            return
        self._queue.append(item)
        if item.waiter is not None:
            self._urgent = True  # after the record is there, or the writer might take the word for one before
            self._bell.ring()
            if refused := self._refused:  # meanwhile: the writer may have told those who waited, without this one
                resolve([item], refused)
        else:
            self._bell.ring_asleep()
        if self._stop:  # meanwhile: the writer may have seen an empty queue for the last time
            with self._lock, suppress(ValueError):
                self._queue.remove(item)
                raise SpoolUnavailable("the audit spool is closed")

    def _refuse(self, *, refuse_unhealthy: bool, refuse_full: bool) -> None:
        """Say why a record is not taken, or count it in silence."""
        with self._lock:
            if self._stop:
                raise SpoolUnavailable("the audit spool is closed")
            self._lost += 1
            self._bell.ring_asleep()
            if refuse_unhealthy and self._refused:
                raise SpoolUnavailable(f"the audit spool cannot write: {self._refused}")
            if refuse_full:
                raise SpoolUnavailable("the audit queue is full")

    def _settled(self) -> bool:
        return not (self._queue or self._busy or self._gap_due())

    def _gap_due(self) -> bool:
        return bool(self._lost or self._outage)

    # --- the writer ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (items := self._take()) is not None:
                if not self._commit(self._encode(items)):
                    break
        finally:
            if self._segment is not None:
                with suppress(OSError):  # what was acknowledged is on disk already; closing only tidies up
                    self._segment.close()
            self._fail(self._refused or "the writer has ended", [])

    def _take(self) -> list[Item] | None:
        """The next records to commit; none when only a gap is due; None when there is nothing left and we stop."""
        self._bell.sleep(lambda: bool(self._queue or self._gap_due() or self._stop))
        if not (self._urgent or self._stop or len(self._queue) >= BATCH_MAX):  # what fills a commit need not gather
            self._bell.linger(lambda: self._urgent or self._stop, self._linger_s)
        with self._lock:
            urgent, self._urgent = self._urgent, False  # before the look: who comes after it says so anew
            self._busy = count = min(len(self._queue), BATCH_MAX)
            if not (count or self._gap_due()):
                return None if self._stop else []
            items = [self._queue.popleft() for _ in range(count)]
            if urgent and self._queue:
                self._urgent = True
            return items

    def _encode(self, items: list[Item]) -> _Commit:
        """Lines for the records and for the gap that is due, chained onto what is on disk."""
        records = [item.record for item in items]
        with self._lock:
            if self._gap_due():
                records.append(gap(self._lost, self._outage))
                self._lost, self._outage = 0, None
        lines, seq, prev_hash = [], self._seq, self._prev_hash
        for record in records:
            try:
                body = encode(record, self._proxy_id, self._boot_id, seq + 1)
            except TypeError:  # a programming mistake must not stop the audit, nor pass in silence
                log.error("an audit record of kind %s could not be encoded", record.kind)
                body = encode(stub(), self._proxy_id, self._boot_id, seq + 1)
            line, prev_hash = seal(body, prev_hash)
            seq += 1
            lines.append(line)
        return _Commit(items, b"".join(lines), seq, prev_hash)

    def _commit(self, commit: _Commit) -> bool:
        """Bring the lines to disk, trying again as long as it takes; False when stopping and out of time."""
        while commit.data:
            try:
                self._ready(len(commit.data)).append(commit.data)
                break
            except OSError as error:
                self._fail(error.strerror or "write error", commit.items)
            if self._stop and time.monotonic() >= self._deadline:
                return False
            time.sleep(self._retry_s)
        self._seq, self._prev_hash = commit.seq, commit.prev_hash
        with self._lock:
            self._busy = 0
            if self._refused:
                log.warning("the audit spool writes again")
                lasted = (time.monotonic_ns() - self._failed_ns) // 1_000
                self._outage = Outage(self._failed_at, self._failed_at + lasted, self._refused)
                self._refused = ""
            self._done.notify_all()
        resolve(commit.items)
        return True

    def _ready(self, size: int) -> Segment:
        """The segment that takes ``size`` bytes more. Raises OSError, also while the disk is below its floor."""
        now = self._segment
        if self.room is not None:
            self.room.check()
        return self._rotate(size) if now is None or now.lost or 0 < now.end > now.size - size else now

    def _rotate(self, size: int = 0) -> Segment:
        if (before := self._segment) is not None:
            before.trim()  # and stays locked until there is another: whoever looks must not take the chain for over
        wanted = max(self._segment_bytes_max, size)
        if self.room is not None and (wanted := min(wanted, self.room.above_floor())) < max(size, _LEAST_BYTES):
            raise OSError(errno.ENOSPC, FULL)
        self._directory.mkdir(mode=0o700, exist_ok=True)  # it is there, unless somebody took it away
        path = self._directory / f"{self._proxy_id}-{self._boot_id}-{self._number + 1:06d}.jsonl"
        try:
            self._segment, self._number = Segment(path, wanted), self._number + 1
        except FileNotFoundError:
            self._number += 1  # the directory was moved with the file in it, which may come back under this name
            raise
        if before is not None:
            before.close()
        return self._segment

    def _fail(self, reason: str, taken: list[Item]) -> None:
        """Remember why writing does not work and tell everyone who waits for it. The records themselves are kept."""
        with self._lock:
            if not self._refused:
                self._failed_at, self._failed_ns = now_us(), time.monotonic_ns()
            if not self._stop and reason != self._refused:
                log.error("the audit spool cannot write to %s: %s; trying again", self._directory, reason)
            self._refused = reason
            waiting = [item for item in (*taken, *self._queue) if item.waiter]
        resolve(waiting, reason)
