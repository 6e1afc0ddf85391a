"""The whole audit: every row of the spool against its chain, what was signed and its copy in the store; closed files
against their sums; kept texts against their records.

One pass, bounded memory. The log of checkpoints is read before the cursor, that before the store, that before the
spool: rows travel the other way, so this may be done while weir writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from weir.audit.evidence.compare import LACKS, Held, Problem, gone, held_by_store, read_cursor
from weir.audit.evidence.contents import Contents
from weir.audit.evidence.copied import Copy
from weir.audit.evidence.covered import begins, log_of
from weir.audit.evidence.entries import Checkpoint
from weir.audit.evidence.examine import Examination
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.leaves import from_spool
from weir.audit.evidence.note import VerifierKey
from weir.audit.evidence.remedies import problem_of
from weir.audit.evidence.signed import Signed
from weir.audit.evidence.storeself import StoreItself
from weir.audit.evidence.sums import Sums
from weir.audit.evidence.taken import taken
from weir.audit.evidence.whole import unsigned
from weir.audit.ingester.cursor import Cursor
from weir.audit.record import now_us
from weir.audit.spool.opened import held, segments, size, stored
from weir.audit.spool.retired import retired, standing
from weir.audit.store import database as store

__all__ = ["Totals", "Verifier"]

SIGNED_US = 600_000_000  # the first row of all is signed within seconds; a crash may come before
MEMORY = "512MB"  # DuckDB's
TRIES = 3  # a chain whose files go while it is read is read again
_ANEW = "weir run makes it anew from the spool; then verify again"
_ROOM = f"nothing says that it was changed: {MEMORY} of memory and the room in audit/tmp were too little to look at it"
_NO_STORE = "there is none: what follows is about the spool alone"


@dataclass(slots=True)
class Totals:
    """What was looked at. ``proved``: rows that a signature speaks for; ``waiting``: chains that have none yet."""

    rows: int = 0
    chains: int = 0
    skipped: int = 0  # chains that ended before ``since``
    checkpoints: int = 0
    proved: int = 0
    waiting: int = 0
    files: int = 0
    texts: int = 0
    store_rows: int = 0  # looked at by themselves
    key: str = ""  # the public key that was believed; "" when there is none
    store: bool = True  # whether there is one
    retired: int = 0  # rows that retention took from the spool
    husks: int = 0  # rows of which it left the store no more than their place
    published: int = 0  # entries kept elsewhere that the log was held against
    published_last: int = 0  # the highest number among them
    last: int = 0  # the number of the log's last entry
    own_key: bool = True  # it was the one in the data directory, which proves nothing against who can write there


@dataclass(frozen=True, slots=True)
class _Copied:
    """The store as it was when we began."""

    connection: duckdb.DuckDBPyConnection | None
    held: Mapping[str, Held] = field(default_factory=dict)
    cursor: Cursor | None = None


class Verifier:
    """One examination of a data directory. ``totals`` count what was looked at so far."""

    def __init__(
        self,
        data_dir: Path,
        progress: Callable[[int, int], None] = lambda done, total: None,
        *,
        since: int = 0,
        published: Sequence[Path] = (),
        key: VerifierKey | None = None,
        store_too: bool = False,
    ) -> None:
        """``progress`` is called now and then with the bytes that were read and those there are.

        ``since`` (µs since the epoch): what was signed before is only hashed, not looked at. ``published``: files with
        checkpoints that were kept elsewhere, or directories of such. ``key``: the first public key, from elsewhere.
        ``store_too``: the store's rows by themselves as well, each column against its hash.
        """
        self._data, self._progress = data_dir, progress
        self._since, self._store_too = since, store_too
        self._signed = Signed(data_dir, published, key)
        self._done = self._total = 0
        self._oldest = 0  # when the first row of all was written
        self.totals = Totals()

    @property
    def rows(self) -> int:
        """Rows of the spool that were read."""
        return self.totals.rows

    @property
    def chains(self) -> int:
        """Chains of the spool that were read."""
        return self.totals.chains

    def problems(self) -> Iterator[Problem]:
        """Each problem as it is found; none when all agrees. Raises OSError; what the store says is a problem too."""
        yield from map(problem_of, self._signed.found())
        self.totals.checkpoints = sum(1 for _ in self._signed.log.all)
        self.totals.key, self.totals.own_key = self._signed.key_text, self._signed.own_key
        log = self._signed.log
        self.totals.published, self.totals.published_last, self.totals.last = (
            log.published, log.published_last, log.number
        )  # fmt: skip
        cursor = read_cursor(self._data)
        connection: duckdb.DuckDBPyConnection | None = None
        try:
            if store.path_of(self._data).exists():
                connection = store.connect(self._data, MEMORY)
                yield from self._with(_Copied(connection, held_by_store(connection), cursor))
            else:
                self.totals.store = False
                if cursor is not None or not self._is_new():
                    yield Problem("store", _NO_STORE, _ANEW)
                yield from self._with(_Copied(None, cursor=cursor))
        except duckdb.Error as error:
            text = (str(error).splitlines() or [type(error).__name__])[0]
            remedy = _ROOM if isinstance(error, duckdb.OutOfMemoryException) else LACKS
            yield Problem("store", f"it does not answer ({text}): what follows is about the spool alone", remedy)
            self.totals.rows = self.totals.chains = self.totals.proved = self.totals.skipped = 0
            yield from self._with(_Copied(None, cursor=cursor))
        finally:
            if connection is not None:
                connection.close()

    def _is_new(self) -> bool:
        """Whether weir runs and may not have come to make its store yet."""
        chains = segments(self._data / "spool").values()
        return any(held(stored(paths[-1])) for paths in chains)

    def _with(self, copied: _Copied) -> Iterator[Problem]:
        sums = Sums(self._data, self._signed, self._since)
        yield from self._spool(copied, sums.bytes)
        if self._oldest or (copied.held and self._signed.key_text):
            yield from map(problem_of, self._nothing_signed())
        before = self._done
        for item in sums.found(lambda done: self._progress(before + done, self._total)):
            yield problem_of(item)
        self.totals.files = sums.files
        if copied.connection is None:
            return
        gone = retired(self._data)
        yield from map(problem_of, taken(copied.connection, gone, now_us()))
        self.totals.retired = sum(one.seq for one in gone.values())
        ((self.totals.husks,),) = store.ask(copied.connection, "SELECT count(*) FROM husks")[1]
        if self._store_too:
            itself = StoreItself(copied.connection, copied.held, copied.cursor, self._signed.log)
            yield from map(problem_of, itself.found())
            self.totals.store_rows = itself.rows
        contents = Contents(self._data, copied.connection, self._signed.log, self._since)
        yield from map(problem_of, contents.found())
        self.totals.texts = contents.texts

    def _nothing_signed(self) -> Iterator[Found]:
        """An audit that is older than a start of weir takes, and has no checkpoint: they were taken away."""
        if self._signed.log.checkpoints or self._oldest > now_us() - SIGNED_US:
            return
        text = "nothing here is signed: no weir ever came to it, or the checkpoints were taken away"
        yield Found(Wrong.CHECKPOINT_GONE, "", text, file=log_of(self._data).name)

    def _spool(self, copied: _Copied, more: int) -> Iterator[Problem]:
        taken = retired(self._data)
        chains = standing(segments(self._data / "spool"), taken)
        signed = self._signed.log.checkpoints
        kept = begins(self._data)
        seen = copied.cursor.seen if copied.cursor else {}
        for name in sorted({*copied.held, *seen} - set(chains)):
            was = copied.held.get(name, Held())
            if max(was.last, seen.get(name, 0)) > (kept[name].tree.size if name in kept else 0):
                yield gone(name, was, seen.get(name, 0))
        live = frozenset(name for name, paths in chains.items() if held(stored(paths[-1])))
        for item in unsigned(self._signed.log, chains, live):
            yield problem_of(item)
        sizes = {path: _size(path) for paths in chains.values() for path in paths}
        self._total = sum(sizes.values()) + more
        for name in sorted({*chains, *signed, *kept}):
            if self._is_before(signed.get(name, [])):
                self.totals.skipped += 1
            else:
                yield from self._tried(name, chains.get(name, []), copied)
            self._done += sum(sizes[path] for path in chains.get(name, []))
            self._progress(self._done, self._total)
        self.totals.waiting = sum(1 for name in chains if name not in signed)

    def _is_before(self, signed: Sequence[Checkpoint]) -> bool:
        return any(item.reason == "close" and item.ts < self._since for item in signed)

    def _tried(self, name: str, paths: list[Path], copied: _Copied) -> Iterator[Problem]:
        for attempt in range(TRIES):
            rows = self.totals.rows
            try:
                yield from self._chain(name, paths, copied)
                return
            except FileNotFoundError:  # retention took it meanwhile
                if attempt == TRIES - 1:
                    raise
                self.totals.rows = rows
                paths = standing(segments(self._data / "spool"), retired(self._data)).get(name, [])

    def _chain(self, name: str, paths: list[Path], copied: _Copied) -> Iterator[Problem]:
        begin = begins(self._data).get(name)
        signed = self._signed.log.checkpoints.get(name, [])
        quick = max((item.size for item in signed if item.ts < self._since), default=0)
        skip = max(quick, begin.tree.size if begin else 0)
        look = Examination(name, signed, begin=begin)
        copy = Copy(name, copied.connection, copied.held.get(name, Held()), copied.cursor, skip)
        yield from map(problem_of, look.start())
        file, before, end = "", 0, 0
        for leaf in from_spool(name, paths, quick):
            yield from map(problem_of, look.feed(leaf))
            self.totals.rows += 1
            if leaf.at is not None:
                self._oldest = min(self._oldest or leaf.at, leaf.at)
            if (leaf.seq or 0) > skip:
                yield from copy.take(leaf)
            if leaf.file != file:
                file, before = leaf.file, before + end
            end = leaf.end
            if not self.totals.rows % 4096:
                self._progress(self._done + before + end, self._total)
        yield from map(problem_of, look.finish())
        yield from copy.finish()
        self.totals.chains += bool(paths)
        self.totals.proved += look.proved


def _size(path: Path) -> int:
    try:
        return size(path)
    except FileNotFoundError:
        return 0
