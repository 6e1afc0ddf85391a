"""One boot that is being signed: its rows are read as they come, each held against the one before and, where there is
a checkpoint already, the tree against that."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import orjson

from weir.audit.evidence.entries import Checkpoint
from weir.audit.evidence.examine import Begin
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.leaves import Leaf, from_lines
from weir.audit.evidence.maker import Maker
from weir.audit.evidence.merkle import Frontier
from weir.audit.evidence.state import Aside
from weir.audit.spool.lines import GENESIS, BadLine, read_line, unseal
from weir.audit.spool.opened import open_segment

__all__ = ["Follow"]

_CHUNK = 4 << 20  # bytes of a segment read at a time


class Follow:
    """How far a boot's files were read. ``stopped``: a row does not follow; nothing from it on is signed."""

    def __init__(
        self, proxy_id: str, boot_id: str, maker: Maker, signed: Sequence[Checkpoint], found: list[Found]
    ) -> None:
        """``signed``: its checkpoints so far, which the rows must fit; ``found`` takes what is wrong with the rows."""
        self.chain, self.maker, self.found = f"{proxy_id}-{boot_id}", maker, found
        self.seq, self.prev = 0, GENESIS
        self.stopped = False
        self._begun = 0  # how many rows retention took
        self.ended = False  # the last read came to the end of what is there
        self._head = orjson.dumps({"proxy_id": proxy_id, "boot_id": boot_id})[:-1] + b',"seq":%d,'
        self._offsets: dict[str, int] = {}
        self._lines: dict[str, int] = {}
        self._unsure: set[Path] = set()  # files of which rows were read that may not be on disk yet
        self._last = max(signed, key=lambda item: item.number) if signed else None
        self._due = sorted(signed, key=lambda item: item.size, reverse=True)  # still to be met, the nearest last
        self._forget_empty()

    @property
    def may_sign(self) -> bool:
        """Whether all that was signed before was met, so that something new can be signed."""
        return not self._due

    def take_up(self, aside: Aside, signed: Sequence[Checkpoint]) -> bool:
        """Go on where the tree was put aside; False when it is none that was signed."""
        try:
            tree = Frontier(aside.size, aside.hashes)
        except ValueError:
            return False
        state = (aside.size, tree.root(), aside.head)
        if not any((item.size, item.root, item.head) == state for item in signed):
            return False
        self._set(tree, aside.head)
        self._offsets, self._lines = dict(aside.offsets), dict(aside.lines)
        return True

    def begin(self, begin: Begin) -> None:
        """Go on behind rows that retention took."""
        self._set(begin.tree, begin.head)
        self._begun = begin.tree.size

    def _set(self, tree: Frontier, head: str) -> None:
        self.maker.take_up(tree, head)
        self.seq, self.prev = tree.size, head
        self._due = [item for item in self._due if item.size > tree.size]
        self._forget_empty()

    def aside(self) -> Aside:
        """The tree as it stands, to be taken up again."""
        tree = self.maker.tree
        return Aside(self.chain, tree.size, tree.hashes, self.prev, dict(self._offsets), dict(self._lines))

    def sync(self) -> None:
        """Wait until the rows that were read are on disk: what is signed must not vanish with the power."""
        for path in self._unsure:
            with suppress(FileNotFoundError):  # compressed meanwhile, and that form is on disk
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fdatasync(fd)
                finally:
                    os.close(fd)
        self._unsure.clear()

    def read(self, paths: Sequence[Path], rows_max: int, now: int) -> Iterator[str]:
        """Add the rows that came, ``rows_max`` at most; each time a checkpoint is due because of them, its reason.

        A row that does not follow the one before ends it: nothing after it is signed.
        """
        self.ended = False
        until = self.seq + rows_max
        for path in paths:
            if self.stopped:
                break
            with open_segment(path) as file:
                file.seek(self._offsets.get(path.name, 0))
                while block := file.read(_CHUNK):
                    block += b"" if block.endswith(b"\n") else file.readline()
                    whole = block[: block.rfind(b"\n") + 1]
                    if whole:
                        self._unsure.add(path)
                    for line in BytesIO(whole):
                        if self.seq >= until:
                            return
                        self._offsets[path.name] = self._offsets.get(path.name, 0) + len(line)
                        self._lines[path.name] = self._lines.get(path.name, 0) + 1
                        if not self._add(path, line):
                            break
                        if self.maker.many and self.may_sign:
                            yield self.maker.due(now)
                            self._unsure.add(path)
                    if self.stopped or len(whole) < len(block):
                        break
        if self._due and not self.stopped:
            self._stop(Wrong.CUT, f"the end is gone: {self._due[0].size} rows were signed", None)
        self.ended = True

    def _add(self, path: Path, line: bytes) -> bool:
        """Whether the line is the next row, and was added."""
        row_hash = _next(line, self._head % (self.seq + 1), self.prev)
        if not row_hash:
            if self._begun and self.seq == self._begun and _seq(line) <= self._begun:
                return True  # retention was interrupted before it took this one
            row_hash = self._other(path, line)
        if not row_hash:
            return False
        self.maker.add(row_hash)
        self.seq, self.prev = self.seq + 1, row_hash
        while self._due and self._due[-1].size == self.seq:
            item = self._due.pop()
            if (self.maker.tree.root(), row_hash) != (item.root, item.head):
                text = f"the rows are not those that checkpoint {item.number} was signed over"
                self._stop(Wrong.REWRITTEN, text, self.seq)
                return False
        self._forget_empty()
        return True

    def _forget_empty(self) -> None:
        """Nothing can be said of checkpoints over no rows; when all were met, the next one follows the last."""
        while self._due and self._due[-1].size == 0:
            self._due.pop()
        if not self._due and self._last is not None and self.maker.signed < 0 and self._last.size <= self.maker.size:
            self.maker.resume(self._last)

    def _stop(self, wrong: Wrong, text: str, seq: int | None) -> None:
        self.stopped = True
        self.found.append(Found(wrong, self.chain, text, seq=seq))

    def _other(self, path: Path, line: bytes) -> str:
        """The hash of a row that is the next one though it is not written as weir writes it; "" when it is not."""
        (leaf,) = from_lines(self.chain, path.name, [line])
        if leaf.fits and leaf.ours and leaf.seq == self.seq + 1 and leaf.prev_hash == self.prev:
            return leaf.row_hash
        wrong, text = _why(leaf, self.seq + 1)
        self.stopped = True
        self.found.append(Found(wrong, self.chain, text, path.name, self._lines[path.name], leaf.seq))
        return ""


def _next(line: bytes, head: bytes, prev: str) -> str:
    """The hash of a line that begins and ends as the next row does and has the hash it claims; "" otherwise.

    Without parsing it: several times as fast, and what it misses is looked at closely.
    """
    if not line.startswith(head):
        return ""
    try:
        body, prev_hash, row_hash = unseal(line)
    except BadLine:
        return ""
    if prev_hash != prev or hashlib.sha256(prev_hash.encode() + body).hexdigest() != row_hash:
        return ""
    return row_hash


def _seq(line: bytes) -> int:
    """The seq that a line claims; more than any row has when it claims none."""
    try:
        seq = read_line(line).get("seq")
    except BadLine:
        seq = None
    return seq if type(seq) is int else 1 << 63


def _why(leaf: Leaf, due: int) -> tuple[Wrong, str]:
    """What is wrong with a row that can't be signed where ``due`` is the next seq."""
    if leaf.seq is None:
        return Wrong.BROKEN, f"the line is no row: {leaf.problem}"
    if not leaf.fits:
        return Wrong.EDITED, "the row's text does not fit its hash"
    if leaf.seq > due:
        return Wrong.REMOVED, f"rows are missing before it: seq {due} was expected"
    if leaf.seq < due or not leaf.ours:
        return Wrong.ADDED, "the row is another's, or was there already"
    return Wrong.EDITED, "it follows another row than the one before it: one of the two was replaced"
