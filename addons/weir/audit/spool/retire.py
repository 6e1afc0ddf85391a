"""Takes segments out of the spool whose time is over: a duty of the ingester's process.

Only the beginning of a chain goes, whole segments at a time, and only what was ingested, signed by a checkpoint and is
older than ``retention.spool_days``. Before that its rows are verified once more, the edge of their tree is kept
(``retired.py``), the seals are told (``evidence/removals.py``), and a `retention` record says what goes. A crash at any
point leaves files that no longer count; the next run takes them away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from weir.audit.evidence.merkle import leaf_hash
from weir.audit.ingester.cursor import Cursor
from weir.audit.ingester.duty import Desk
from weir.audit.record import now_us
from weir.audit.spool.chain import check
from weir.audit.spool.opened import about, held, number_of, segments, size, stored, whole_size
from weir.audit.spool.records import tell_retention
from weir.audit.spool.retired import NOTHING, Retired, retired, save, standing
from weir.audit.spool.segment import sync_directory
from weir.datadir import locked

__all__ = ["Covered", "Retirement", "Retiring", "Taken", "retire"]

Covered = Callable[[Path], Mapping[str, int]]
"""Up to which seq the rows of a data directory's chains are signed, by chain."""

DAY_US = 86_400_000_000
_AGAIN_S = 6 * 3600.0
_RUN_S = 2.0  # reading in one go; the ingester waits for it
_CHAINS_TOLD = 200  # a record


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken of one chain: its rows from ``first`` to ``last`` in ``files`` segments."""

    chain: str
    first: int
    last: int
    files: int


@dataclass(slots=True)
class Retirement:
    """What one run did, or would do. ``problems``: chains that stay because something is wrong with them; ``more``:
    whether time ran out before all that is due was gone."""

    taken: list[Taken]
    problems: list[str]
    more: bool = False

    @property
    def rows(self) -> int:
        """How many rows are gone from the spool; they stay in the store for its own time."""
        return sum(one.last - one.first + 1 for one in self.taken)

    @property
    def files(self) -> int:
        """How many segments."""
        return sum(one.files for one in self.taken)


class Retiring:
    """Four times a day, a few seconds at a time."""

    name = "retire"
    every_s = 10.0

    def __init__(self, covered: Covered, removing: Callable[[Path, Iterable[Path]], None]) -> None:
        """``removing``: told of files before they go, with the data directory."""
        self._covered, self._removing = covered, removing
        self._next = 0.0

    def run(self, desk: Desk, *, last: bool) -> list[str]:
        """Take what is due; not at the end, where somebody waits. Raises OSError, DataDirError."""
        if last or time.monotonic() < self._next:
            return []
        done = retire(desk.data, desk.audit.retention.spool_days, self._covered, self._removing, seconds=_RUN_S)
        if not done.more:
            self._next = time.monotonic() + _AGAIN_S
        told = list(done.problems)
        if done.taken:
            told.append(f"{done.files} segments with {done.rows} rows left the spool; their time was over")
        return told


def retire(
    data: Path,
    days: int,
    covered: Covered,
    removing: Callable[[Path, Iterable[Path]], None],
    *,
    seconds: float = 3600.0,
    dry_run: bool = False,
) -> Retirement:
    """Take everything out of the spool that is older than ``days``; ``dry_run`` only says what that would be.

    Raises OSError, DataDirError; also when the record of it could not be written: then no file was removed.
    """
    with locked(data / "audit" / "retired.json"):
        return _Run(data, days, covered(data), removing, time.monotonic() + seconds).go(dry_run=dry_run)


class _Run:
    def __init__(
        self,
        data: Path,
        days: int,
        covered: Mapping[str, int],
        removing: Callable[[Path, Iterable[Path]], None],
        until: float,
    ) -> None:
        self._data, self._covered, self._removing, self._until = data, covered, removing, until
        self._before_ns = time.time_ns() - days * DAY_US * 1_000
        self._gone = retired(data)
        cursor = Cursor.load(data / "audit" / "cursor.json")
        self._read = cursor.offsets if cursor else {}
        self._done = Retirement([], [])

    def go(self, *, dry_run: bool) -> Retirement:
        chains = segments(self._data / "spool")
        left = standing(chains, self._gone)
        now = dict(self._gone)
        for name, paths in left.items():
            if time.monotonic() >= self._until:
                self._done.more = True
                break
            begin = self._gone.get(name, NOTHING)
            end = self._chain(name, paths, begin)
            if end.number > begin.number:
                now[name] = replace(end, ts=now_us())
                files = sum(begin.number < number_of(path) <= end.number for path in paths)
                self._done.taken.append(Taken(name, begin.seq + 1, end.seq, files))
        if dry_run:
            return self._done
        if self._done.taken:
            save(self._data, now)
        over = [
            path for name, paths in chains.items() for path in paths if number_of(path) <= now.get(name, NOTHING).number
        ]
        if over:
            self._tell(over)
            self._remove(over)
        return self._done

    def _chain(self, name: str, paths: list[Path], begin: Retired) -> Retired:
        """How much of a chain's beginning may go."""
        for path in paths:
            if time.monotonic() >= self._until:
                self._done.more = True
                break
            if not self._is_due(path) or self._is_needed(name, path, begin.seq):
                break
            end = self._over(name, path, begin)
            if end is None or end.seq > self._covered.get(name, 0):
                break
            begin = end
        return begin

    def _is_needed(self, name: str, path: Path, begin: int) -> bool:
        """Whether it is certain, without reading all of it, that rows are not signed yet or some export lacks them: a
        receiver may be down for months, and other chains are to have their turn."""
        upto, said = self._covered.get(name, 0), about(path)
        return upto <= begin or (said is not None and said.last is not None and said.last > upto)

    def _is_due(self, path: Path) -> bool:
        info = stored(path).stat()
        if info.st_mtime_ns > self._before_ns or held(path):
            return False
        read = self._read.get(path.name, 0)
        return read >= size(path) or read >= whole_size(path)

    def _over(self, name: str, path: Path, begin: Retired) -> Retired | None:
        """What is to be kept of the rows up to the end of a segment; None when something is wrong with them."""
        tree, seq, head = begin.frontier, begin.seq, begin.head
        for row in check(name, [path], seq, head):
            if row.problems or row.seq is None:
                self._done.problems.append(f"{path.name}:{row.number}: {row.problems[0]}: the chain stays in the spool")
                return None
            tree.append(leaf_hash(bytes.fromhex(row.row_hash)))
            seq, head = row.seq, row.row_hash
        return Retired(seq, number_of(path), head, tree.hashes)

    def _tell(self, over: list[Path]) -> None:
        """What goes, as records; again for files that a crash left behind, since nobody knows whether it was told."""
        chains: dict[str, list[str]] = {}
        for path in over:
            chains.setdefault(path.name.rpartition("-")[0], []).append(path.name)
        rows_of = {one.chain: one for one in self._done.taken}
        items = [
            {
                "chain": chain,
                "segments": len(names),
                "first": rows_of[chain].first if chain in rows_of else None,
                "last": rows_of[chain].last if chain in rows_of else None,
            }
            for chain, names in chains.items()
        ]
        parts = (items[at : at + _CHAINS_TOLD] for at in range(0, len(items), _CHAINS_TOLD))
        tell_retention(
            self._data,
            [
                (
                    f"spool: {sum(int(item['segments'] or 0) for item in part)} segments whose time was over",
                    {"of": "spool", "chains": part},
                )
                for part in parts
            ],
        )

    def _remove(self, over: list[Path]) -> None:
        files = [file for path in over for file in (path, path.with_name(path.name + ".zst")) if file.exists()]
        self._removing(self._data, files)
        for file in files:
            file.unlink(missing_ok=True)
        sync_directory(self._data / "spool")
