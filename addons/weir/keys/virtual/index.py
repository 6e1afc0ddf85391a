"""Virtual keys in memory, by keyed hash: what a request is checked against, kept up to date by a thread.

A look-up is one HMAC and one dictionary access, and never waits for the store. The hash is keyed, so how long a
look-up takes tells nobody anything about a key: who can't compute HMACs can't steer what is compared.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from weir.keys.virtual.form import looks_virtual
from weir.keys.virtual.gathered import Gathered
from weir.keys.virtual.kept import Kept
from weir.keys.virtual.record import KeyBudget, VirtualKey, VirtualKeysError
from weir.keys.virtual.watch import Watch

if TYPE_CHECKING:
    from weir.keys.virtual.store import Issued

__all__ = ["STALE_S", "VirtualKeys"]

log = logging.getLogger("weir.keys")
STALE_S = 30.0  # after that long without the store nobody knows which keys are revoked: all are refused
ASKED_MAX = 4096
_ANOTHER = ("", 0)  # the mark of no store: all keys are read again


class VirtualKeys(Kept):
    """The store and what is known of it. ``where`` is a file (a Path) or a ``postgresql://`` URL.

    ``hmac_key`` (32 bytes, ``DataDir.secret("virtual-keys")``) makes the store useless without it. ``old`` is the file
    of an earlier version, ``file`` the database that had the keys before a server did: what is in them is moved into
    the store. A file is made by the first key. Thread-safe.
    """

    def __init__(
        self,
        where: Path | str,
        hmac_key: bytes,
        *,
        old: Path | None = None,
        file: Path | None = None,
        timeout_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
        later: bool = False,
    ) -> None:
        """Reads the store, unless ``later``. Raises VirtualKeysError when that can't be done."""
        super().__init__(where, hmac_key, timeout_s)
        self._old, self._file, self._clock = old, file, clock
        self._mark: tuple[str, int] | None = None
        self._index: dict[bytes, VirtualKey] = {}
        self._issued: dict[str, Issued] = {}
        self._read_at: float | None = None
        self._why = "they have not been read yet"
        self.revoked_again = 0  # keys that came back in the store as if nobody had revoked them
        self._asked: OrderedDict[bytes, Future[None]] = OrderedDict()
        self._gathered = Gathered()
        self._watch = Watch(self._look, self.write_uses)
        self._tell: Callable[[Sequence[tuple[str, KeyBudget]]], None] | None = None
        if not later:
            self.refresh()

    # ---- on the request path

    def lookup(self, presented: str) -> VirtualKey | None:
        """The record of ``presented``, revoked or expired ones too (ask ``refusal``); None when it is not known."""
        return self.look_at(self.digest_of(presented))

    def digest_of(self, presented: str) -> bytes | None:
        """What ``presented`` is kept under if it was issued, for `look_at`; None when it is no virtual key at all."""
        return self._digest(presented) if looks_virtual(presented) else None

    def look_at(self, digest: bytes | None) -> VirtualKey | None:
        """As `lookup`, for one whose `digest_of` is known from before."""
        return None if digest is None else self._index.get(digest)

    def fresh(self, presented: str) -> Future[None] | None:
        """What to wait for, off the loop, before calling a key unknown: it may have been issued a moment ago.

        None when there is nothing to wait for: asked before, too many ask, or it is no virtual key at all.
        """
        if not looks_virtual(presented):
            return None
        digest = self._digest(presented)
        asked = self._asked.get(digest)
        if digest in self._index or (asked is not None and asked.done()):
            return None
        future = self._watch.ask()
        if future is not None:
            self._asked.setdefault(digest, future)
            while len(self._asked) > ASKED_MAX:
                self._asked.popitem(last=False)
        return future

    @property
    def trouble(self) -> str:
        """Why no key can be taken now: the store could not be read for too long; "" when they can."""
        if self._read_at is not None and self._clock() - self._read_at <= STALE_S:
            return ""
        return self._why or "the thread that reads them does not answer"

    @property
    def away(self) -> str:
        """Why the store could not be read the last time; "" when it could."""
        return self._why

    def used(self, key: VirtualKey, address: str, at: datetime) -> None:
        """Note a use; it is written down by the thread."""
        self._gathered.add(key, address, at)

    def list(self) -> tuple[VirtualKey, ...]:
        """All records that are known, the oldest first."""
        return tuple(one.record for one in sorted(self._issued.values(), key=_age))

    @property
    def any(self) -> bool:
        """Whether there are keys at all."""
        return bool(self._issued)

    # ---- beside it: these wait for the store

    def tell_budgets(self, tell: Callable[[Sequence[tuple[str, KeyBudget]]], None]) -> None:
        """Call ``tell`` with the budgets that keys bring along, by id: now of all, and in the thread of each that comes
        to be known, before it is. Those of revoked keys stay: such keys are refused anyway."""
        with self._lock:
            self._tell = tell
            self._tell_budgets(one.record for one in self._issued.values())

    def start(self) -> None:
        """Keep up with the store from now on."""
        self._watch.start()

    def stop(self) -> None:
        """Write down the last uses and let go of the store. May be called again."""
        self._watch.stop()
        if self._lock.acquire(timeout=1.0):  # the thread may hang on a server that says nothing
            self._let_go()
            self._lock.release()

    def break_off(self) -> None:
        """End what waits for a server that says nothing any more."""
        store = self._store
        if store is not None:
            store.break_off()

    def refresh(self) -> None:
        """Take over what changed in the store. Raises VirtualKeysError; what was known stays, for ``STALE_S``."""
        with self._lock:
            began = self._clock()
            try:
                self._take_over()
            except VirtualKeysError as error:
                self._why = str(error)
                if self._mark is not None:
                    self._mark = _ANOTHER  # a backup may be put back meanwhile, and its count come to the same number
                self._let_go()  # the next time it is opened anew: another file may lie in its place
                raise
            self._read_at, self._why = began, ""

    def write_uses(self) -> None:
        """Write down the uses that have gathered; they are kept when that can't be done."""
        uses = self._gathered.take()
        if not uses:
            return
        try:
            with self._lock:
                self.store.use(uses)
        except VirtualKeysError as error:
            self._gathered.give_back(uses)
            log.warning("the last uses of virtual keys are written down later: %s", error)

    def _look(self) -> None:
        before = self._why
        try:
            self.refresh()
        except VirtualKeysError as error:
            if str(error) != before:
                log.warning("virtual keys can't be read, the ones known hold for %.0f s: %s", STALE_S, error)
            return
        if before:
            log.info("virtual keys can be read again")

    def _take_over(self) -> None:
        if isinstance(self.where, Path) and not self.where.exists():
            if self._mark is not None:
                raise VirtualKeysError(f"{self.where}: is gone; put it back")
            if self._old is None or not self._old.exists():
                return  # nobody has made a key yet
        if self._old is not None and self._old.exists():
            from weir.keys.virtual.old import move, read

            read(self._old)  # what can't be moved makes no store
            moved = move(self._old, self.store)
            log.info("%d virtual keys were moved into the database; %s.migrated is kept", moved, self._old)
        if self._file is not None:
            from weir.keys.virtual.old import move_all

            if moved := move_all(self._file, self._key, self.store, self._timeout_s):
                log.info("%d virtual keys were moved from %s to the server", moved, self._file)
            self._file = None
        changes = self.store.changes(self._mark)
        if changes is None:
            return
        issued: dict[str, Issued] = {} if changes.whole else self._issued
        index: dict[bytes, VirtualKey] = {} if changes.whole else self._index
        # Before the keys themselves: none must be good for a moment without its budget.
        self._tell_budgets(one.record for one in changes.keys)
        for one in self._still_revoked(changes.keys):
            before = issued.get(one.record.id)
            for digest in () if before is None else (before.digest, before.old_digest):
                if digest not in (None, one.digest, one.old_digest):
                    index.pop(bytes.fromhex(digest), None)
            index[bytes.fromhex(one.digest)] = one.record
            issued[one.record.id] = one
        for one in changes.keys:  # after those in force: no key that was rotated out stands for another's
            old = issued[one.record.id]
            if old.old_digest is not None and index.get(bytes.fromhex(old.old_digest), old.record).id == old.record.id:
                index[bytes.fromhex(old.old_digest)] = replace(old.record, grace_until=old.old_until)
        self._issued, self._index, self._mark = issued, index, changes.mark

    def _still_revoked(self, keys: Iterable[Issued]) -> Sequence[Issued]:
        """The keys, those revoked that were: a backup that is put back makes none good again while weir runs."""
        held, again = [], []
        for one in keys:
            before = self._issued.get(one.record.id)
            if before is not None and before.record.revoked is not None and one.record.revoked is None:
                one = replace(one, record=replace(one.record, revoked=before.record.revoked))
                again.append(one)
            held.append(one)
        if again:
            self.revoked_again += len(again)
            log.warning("%d revoked keys came back in the store, as with an old backup; revoked again", len(again))
            with contextlib.suppress(VirtualKeysError):  # they stay revoked here, whatever becomes of that
                self.store.put(again)
        return held

    def _tell_budgets(self, records: Iterable[VirtualKey]) -> None:
        given = [(record.id, record.budget) for record in records if record.budget is not None]
        if given and self._tell is not None:
            self._tell(given)


def _age(one: Issued) -> tuple[datetime, str]:
    return one.record.created or datetime.min.replace(tzinfo=UTC), one.record.id
