"""Where encrypted texts become durable: a writer thread commits in groups, callers never wait on a disk.

While the disk or the wrapping key refuses, events wait in a queue bounded by bytes and the writer tries again; what no
longer fits is counted, and told once writing works again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from weir.audit.content.commit import Committer
from weir.audit.content.kek import KeyRing, KeyRingError
from weir.audit.content.keyfile import KeyFileError
from weir.audit.content.keystore import KeyStore
from weir.audit.content.parts import Content
from weir.audit.content.sealer import Sealed, Sealer
from weir.audit.content.segments import release
from weir.audit.content.waiting import ContentUnavailable, Item, resolve
from weir.audit.record import now_us
from weir.audit.spool.room import Room

__all__ = ["ContentUnavailable", "ContentWriter", "Gap"]

log = logging.getLogger("weir.audit")
BATCH_BYTES = 4 << 20
_FAILURES = (OSError, KeyFileError, KeyRingError)
Gap = Callable[[int, int, int, str], None]  # events lost, from and to (µs since the epoch), why
Left = Callable[[list[str]], None]  # ids of events that were accepted and not written


class ContentWriter:
    """Append-only segments of encrypted entries in ``directory`` (0700, files 0600), and the keys beside them."""

    def __init__(
        self,
        directory: Path,
        ring: Callable[[], KeyRing],
        *,
        segment_bytes_max: int = 32 << 20,
        queue_bytes_max: int = 64 << 20,
        keys_max: int = 4096,
        content_bytes_max: int = 8 << 20,
        durable_timeout_s: float = 5.0,
        retry_s: float = 0.25,
        linger_s: float = 0.02,
        on_gap: Gap | None = None,
        on_left: Left | None = None,
        room: Room | None = None,
    ) -> None:
        """``ring`` gives the wrapping keys when new data keys are stored; it is asked in the writer's thread.
        ``room``: below its floor nothing is written.

        ``on_gap`` is told how many events' texts were lost: from that thread once writing works again, and when closing
        ran out of time; then ``on_left`` too, which they are.
        """
        self._directory, self._ring, self._on_gap, self._on_left = directory, ring, on_gap, on_left
        self._segment_bytes_max, self._queue_bytes_max = segment_bytes_max, queue_bytes_max
        self._keys_max, self._content_bytes_max, self._room = keys_max, content_bytes_max, room
        self._durable_timeout_s, self._retry_s, self._linger_s = durable_timeout_s, retry_s, linger_s
        self.keys = KeyStore(directory)
        self._sealer: Sealer | None = None
        self._committer: Committer | None = None
        self._lock = threading.Lock()
        self._wake, self._done = threading.Condition(self._lock), threading.Condition(self._lock)
        self._queue: deque[Item] = deque()
        self._bytes = 0  # queued and in hand
        self._hand: list[Item] = []  # taken by the writer, not yet durable
        self._urgent = self._stop = self._told = self._lingers = False
        self._deadline = 0.0
        self._refused, self._failed_at, self._lost = "", 0, 0
        self._thread = threading.Thread(target=self._run, name="weir-audit-content", daemon=True)

    # --- for callers ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the directory and the key file, prove that there is a wrapping key, and start the writer.

        Raises KeyRingError, KeyFileError or OSError: a policy that keeps texts must not start without a key.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        release(self._directory)
        self._ring()
        salt = self.keys.salt()
        self._sealer = Sealer(
            salt,
            generation=self.keys.file.generation,
            keys_max=self._keys_max,
            bytes_max=self._content_bytes_max,
        )
        self._committer = Committer(self._directory, self._sealer, self._ring, self._segment_bytes_max, self._room)
        self._thread.start()

    def seal(
        self, content: Content, *, event_id: str, user: str, conversation: str, ts_us: int, expires_day: int
    ) -> Sealed | None:
        """Encrypt; see ``Sealer.seal``. What it gives is stored by ``put`` or ``durable`` and by nothing else."""
        assert self._sealer is not None, "start() comes first"
        return self._sealer.seal(
            content, event_id=event_id, user=user, conversation=conversation, ts_us=ts_us, expires_day=expires_day
        )

    @property
    def healthy(self) -> bool:
        """True while the writer runs and its last attempt worked."""
        return not self._refused and self._thread.is_alive()

    @property
    def refused(self) -> str:
        """Why nothing can be written at present; empty when it can."""
        return self._refused

    @property
    def overtaken(self) -> int:
        """Events that were not written because an erasure or the end of their last day came first."""
        return self._committer.overtaken if self._committer else 0

    @property
    def lag(self) -> int:
        """Events accepted and not yet durable."""
        return len(self._queue) + len(self._hand)

    def put(self, sealed: Sealed) -> bool:
        """Queue for writing, from any thread, without waiting. False when there is no room: then it is counted."""
        try:
            self._accept(Item(sealed))
        except ContentUnavailable:
            return False
        return True

    async def durable(self, sealed: Sealed) -> None:
        """Return once the texts are on disk. Raises ContentUnavailable when they are not, or not in time."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._refused:
            raise ContentUnavailable(f"the content store cannot write: {self._refused}")
        self._accept(Item(sealed, waiter))
        try:
            async with asyncio.timeout(self._durable_timeout_s):
                await waiter
        except TimeoutError:
            raise ContentUnavailable("the content store's disk did not answer in time") from None

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was queued is durable; False when it is not after ``timeout_s`` seconds."""
        with self._lock:
            self._urgent = True
            self._wake.notify()
            return self._done.wait_for(lambda: not (self._queue or self._hand), timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Write what is queued and stop; False when texts were left behind. Nothing is accepted after."""
        with self._lock:
            self._stop, self._deadline = True, time.monotonic() + timeout_s
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s + self._retry_s)
        self.keys.file.close()
        self._tell_left()
        return not self._thread.is_alive() and self.lag == 0

    def _accept(self, item: Item) -> None:
        size = len(item.sealed.payload)
        with self._lock:
            if self._stop:
                raise ContentUnavailable("the content store is closed")
            if self._thread.ident is not None and not self._thread.is_alive():
                self._lost += 1
                raise ContentUnavailable("the content store's writer has ended")
            if self._queue and self._bytes + size > self._queue_bytes_max:
                self._lost += 1
                raise ContentUnavailable("the content store's queue is full")
            self._queue.append(item)
            self._bytes += size
            self._urgent = self._urgent or item.waiter is not None
            if self._urgent or not self._lingers:  # to wake it costs more than all else here
                self._wake.notify()

    # --- the writer ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        assert self._committer is not None
        try:
            while (items := self._take()) is not None:
                if not self._bring(self._committer, items):
                    break
                self._tell_gap()
        finally:
            self._committer.close()
            self._fail(self._refused or "the writer has ended", [])

    def _take(self) -> list[Item] | None:
        """The next items; none when nothing came for a while; None when there is nothing left and we stop."""
        with self._lock:
            self._wake.wait_for(lambda: self._queue or self._stop, 1.0)
            if self._queue and not (self._urgent or self._stop):
                self._lingers = True
                self._wake.wait_for(lambda: self._urgent or self._stop, self._linger_s)
                self._lingers = False
            items, size = [], 0
            while self._queue and size < BATCH_BYTES:
                items.append(self._queue.popleft())
                size += len(items[-1].sealed.payload)
            self._hand = items
            if not self._queue:
                self._urgent = False
            return items or (None if self._stop else [])

    def _bring(self, committer: Committer, items: list[Item]) -> bool:
        """Bring the items to disk, trying again as long as it takes; False when stopping and out of time."""
        while True:
            try:
                if items:
                    committer.commit([item.sealed for item in items])
                else:
                    committer.look()
                break
            except _FAILURES as error:
                # Of these, strerror says nothing of a path, and ours are one line that quotes no key.
                self._fail((error.strerror or "write error") if isinstance(error, OSError) else str(error), items)
            with self._lock:
                if self._stop and time.monotonic() >= self._deadline:
                    return False
            time.sleep(self._retry_s)
        with self._lock:
            self._bytes -= sum(len(item.sealed.payload) for item in items)
            self._hand = []
            self._done.notify_all()
        resolve(items)
        return True

    def _tell_gap(self) -> None:
        with self._lock:
            lost, since, reason = self._lost, self._failed_at, self._refused
            self._lost, self._failed_at, self._refused = 0, 0, ""
        if reason:
            log.warning("the content store writes again")
        if lost and self._on_gap is not None:
            self._on_gap(lost, since or now_us(), now_us(), reason or "the content store's queue was full")

    def _tell_left(self) -> None:
        """Once: what was accepted and is not written, and what was not even accepted and nobody was told of."""
        with self._lock:
            left = [item.sealed for item in (*self._hand, *self._queue)]
            lost, self._lost = self._lost + len(left), 0
            told, self._told = self._told, True
            since = min((one.ts_us for one in left), default=self._failed_at or now_us())
            why = self._refused
        if told or not lost:
            return
        if left and self._on_left is not None:
            self._on_left([one.event_id for one in left])
        if self._on_gap is not None:
            self._on_gap(lost, since, now_us(), f"{why or 'the disk did not answer'}, until weir ended")

    def _fail(self, reason: str, taken: list[Item]) -> None:
        with self._lock:
            if not self._refused:
                self._failed_at = now_us()
                if not self._stop:
                    log.error("the content store cannot write: %s", reason)
            self._refused = reason
            waiting = [item for item in (*taken, *self._queue) if item.waiter]
        resolve(waiting, reason)
