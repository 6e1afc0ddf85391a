"""The rows that an export has yet to send, in the order of their chains: from the spool, and from the store what the
spool has no more.

A chain is one run of a proxy. Within it rows come in order and none is left out; chains come by the time of their first
row. Lines that are being written are left alone until they have their newline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.audit.exports.row import Row, micros
from weir.audit.exports.stored import Stored
from weir.audit.spool.lines import BadLine, read_line, rows_of
from weir.audit.spool.opened import ZST, open_segment, segments, size, stored

__all__ = ["Item", "Reader"]


@dataclass(frozen=True, slots=True)
class Item:
    """A row at its place. None as ``row``: it cannot be had, and ``problem`` says why."""

    chain: str
    seq: int
    row: Row | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _At:
    """Where in a chain: ``seq`` was the last; the next line begins at ``offset`` of the segment ``name``."""

    seq: int
    name: str = ""
    offset: int = 0


class Reader:
    """Reads from where a cursor is. ``mark`` remembers a place to which ``rewind`` goes back."""

    def __init__(self, data: Path, taken: Mapping[str, int], since: int = 0, *, store: bool = True) -> None:
        """``taken``: the last seq by chain that was sent; ``since``: µs, older rows are passed over; ``store``: whether
        to look there for chains that the spool has no more. Raises OSError, duckdb.Error for a store in trouble."""
        self._spool, self._since = data / "spool", since
        self._stored = Stored(data)
        self._at = {chain: _At(seq) for chain, seq in taken.items()}
        self._marked = dict(self._at)
        self._began: dict[str, int] = {}
        self._closed: set[Path] = set()  # segments that were read to an end that stays
        self.exhausted = False
        self._retired = (
            self._stored.chains(since) if store else {}
        )  # looked at once: what an export needs is not retired meanwhile

    def mark(self) -> dict[str, int]:
        """Remember this place; the last seq by chain."""
        self._marked = dict(self._at)
        return {chain: at.seq for chain, at in self._at.items() if at.seq}

    def rewind(self) -> None:
        """Go back to where ``mark`` was last called."""
        self._at = dict(self._marked)
        self._closed.clear()

    def batch(self, rows_max: int) -> list[Item]:
        """The next rows, at most so many; ``exhausted`` says whether there are no more at present.

        Raises OSError, duckdb.Error.
        """
        found: list[Item] = []
        looked = rows_max * 20  # rows that are passed over cost time too, and whoever calls wants to hear of a signal
        self.exhausted = False
        for item in self._next():
            looked -= 1
            if item.row is None or not self._older(item.row):
                found.append(item)
            if len(found) >= rows_max or looked <= 0:
                return found
        self.exhausted = True
        return found

    def _older(self, row: Row) -> bool:
        return 0 < micros(row, "ts") < self._since

    def _next(self) -> Iterator[Item]:
        chains = segments(self._spool)
        for chain, ends in self._retired.items():
            if chain not in chains and self._at.get(chain, _At(0)).seq < ends.last:
                yield from self._from_store(chain, ends.first, ends.last)
        for chain in sorted(chains, key=lambda name: (self._begin(name, chains[name]), name)):
            if self._unread(chain, chains[chain]):
                yield from self._from_spool(chain, chains[chain])

    def _begin(self, chain: str, paths: list[Path]) -> int:
        if chain not in self._began:
            doc = _first(paths[0])
            if doc is None:
                return 1 << 62  # nothing in it yet
            at = doc.get("ts")
            self._began[chain] = at if isinstance(at, int) else 0
        return self._began[chain]

    def _unread(self, chain: str, paths: list[Path]) -> bool:
        at = self._at.get(chain, _At(0))
        if at.name != paths[-1].name:
            return True
        if paths[-1] in self._closed:
            return False
        if size(paths[-1]) > at.offset:
            return True
        if stored(paths[-1]).suffix == ZST:  # compressed: it grows no more, and asking costs more than of a plain one
            self._closed.add(paths[-1])
        return False

    def _from_store(self, chain: str, first: int, last: int) -> Iterator[Item]:
        """Rows ``first`` to ``last`` as the store has them, from the present place on."""
        known = chain in self._at
        at = self._at.get(chain, _At(0)).seq
        for seq, row in self._stored.rows(chain, max(at + 1, first), last):
            if seq > at + 1 and known:
                yield self._gone(chain, at + 1, seq - 1)
            at, known = seq, True
            self._at[chain] = _At(seq)
            yield Item(chain, seq, row)
        if at < last and known:
            self._at[chain] = _At(last)
            yield self._gone(chain, at + 1, last)

    def _gone(self, chain: str, first: int, last: int) -> Item:
        self._at[chain] = _At(last)
        many = f"the rows from seq {first} to {last} are" if last > first else f"the row with seq {first} is"
        return Item(chain, last, None, f"{many} in neither spool nor store any more")

    def _from_spool(self, chain: str, paths: list[Path]) -> Iterator[Item]:
        at = self._at.get(chain, _At(0))
        if at.name < paths[0].name:  # a new place, or one that was retired while nobody exported
            begin = _seq(_first(paths[0]))
            if begin is not None and begin > at.seq + 1:
                self._stored.learn(chain, _first(paths[0]) or {})
                yield from self._from_store(chain, at.seq + 1, begin - 1)
                at = _At(max(self._at.get(chain, at).seq, begin - 1))
            at = _At(at.seq, _segment_of(paths, at.seq + 1).name)
        for path in paths:
            if path.name < at.name:
                continue
            if path.name > at.name:
                at = _At(at.seq, path.name)
            for seq, end, row, problem in _rows(path, at.offset, at.seq):
                before, at = at.seq, _At(max(seq, at.seq), path.name, end)
                self._at[chain] = at
                if problem or seq > before:  # what lies before the cursor in its segment was sent
                    yield Item(chain, seq, row, problem)
            self._at[chain] = at


def _rows(path: Path, offset: int, seq: int) -> Iterator[tuple[int, int, Row | None, str]]:
    """Seq, the offset behind it, row and problem of each whole line from ``offset`` on."""
    with open_segment(path) as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            try:
                tables = rows_of(read_line(line))
                row: dict[str, Any] = {**tables["events"][0], **{k: v for k, v in tables.items() if k != "events"}}
                seq = row["seq"]
                yield seq, offset, row, ""
            except BadLine as problem:
                seq += 1
                yield seq, offset, None, f"{path.name} at byte {offset - len(line)}: {problem}"


def _segment_of(paths: list[Path], seq: int) -> Path:
    """The segment in which ``seq`` is, or would be: the last one that does not begin after it."""
    found = paths[0]
    for path in paths[1:]:
        begin = _seq(_first(path))
        if begin is not None and begin > seq:
            break
        found = path if begin is not None else found
    return found


def _first(path: Path) -> dict[str, Any] | None:
    with open_segment(path) as file:
        line = file.readline()
    if not line.endswith(b"\n"):
        return None
    try:
        return read_line(line)
    except BadLine:
        return None


def _seq(doc: Mapping[str, Any] | None) -> int | None:
    found = doc.get("seq") if doc else None
    return found if isinstance(found, int) else None
