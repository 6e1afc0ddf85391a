"""The rows of one boot against its checkpoints: whatever was done to them is named, in one pass and bounded memory.

A naive change shows in the chain of hashes. One that makes all hashes anew shows at the next checkpoint, whose root was
signed: then it is known between which rows it was made, and every row up to the checkpoint before is proved unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from weir.audit.evidence.entries import Checkpoint
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.leaves import Leaf
from weir.audit.evidence.merkle import EMPTY_ROOT, Frontier, leaf_hash
from weir.audit.spool.lines import GENESIS

__all__ = ["CLOCK_SLACK_US", "Begin", "Examination"]

CLOCK_SLACK_US = 2_000_000  # rows of many exchanges are written by one thread, not quite in the order they were made


@dataclass(frozen=True, slots=True)
class Begin:
    """What was kept of rows that retention took away: the edge of the tree over them, and the hash of the last."""

    tree: Frontier
    head: str


@dataclass(slots=True)
class Examination:
    """One look at one chain. ``rows``: how many were read; ``proved``: up to which seq a signature covers them.

    ``begin``: what was kept of rows that retention took away. It is believed only if the next checkpoint's root can be
    made of it and the rows that follow.
    """

    chain: str
    checkpoints: Sequence[Checkpoint]
    clock_slack_us: int = CLOCK_SLACK_US
    begin: Begin | None = None
    rows: int = 0
    proved: int = 0
    _due: list[Checkpoint] = field(init=False)  # those still to come, the nearest last
    _tree: Frontier = field(init=False, default_factory=Frontier)
    _last: int = field(init=False, default=0)  # the highest seq so far
    _prev: str = field(init=False, default=GENESIS)
    _whole: bool = field(init=False, default=True)  # no hole so far: roots can be compared
    _holes: list[tuple[int, int]] = field(init=False, default_factory=list)  # seqs that were skipped, first and last
    _moved: list[int] = field(init=False, default_factory=list)  # first and last seq that came after all
    _clock: int = field(init=False, default=0)  # the latest that any row was written
    _since: int = field(init=False, default=0)  # the same, of the rows since the clock went back last

    def __post_init__(self) -> None:
        self._due = sorted(self.checkpoints, key=lambda item: item.size, reverse=True)

    def found(self, leaves: Iterable[Leaf]) -> Iterator[Found]:
        """Each finding as it is made; what is known only at the end comes last."""
        yield from self.start()
        for leaf in leaves:
            yield from self.feed(leaf)
        yield from self.finish()

    def start(self) -> Iterator[Found]:
        """What is known before the first row."""
        yield from self._empty_trees()
        yield from self._pruned()

    def feed(self, leaf: Leaf) -> Iterator[Found]:
        """What the next row shows."""
        self.rows += 1
        yield from self._row(leaf)

    def finish(self) -> Iterator[Found]:
        """What is known after the last row."""
        yield from self._moves()
        for first, last in self._holes:
            yield Found(Wrong.REMOVED, self.chain, "rows are missing", seq=first, seq_last=last)
        signed = self._due[0] if self._due else None
        if signed is not None and signed.size > self._last:
            text = f"the end is gone: checkpoint {signed.number} was signed over {signed.size} rows"
            first = self._last + 1
            yield Found(Wrong.CUT, self.chain, text, seq=first, seq_last=signed.size, checkpoint=signed.number)
        closed = max((item.size for item in self.checkpoints if item.reason == "close"), default=self._last)
        if self._last > closed:
            text = "rows stand after the end that was signed"
            yield Found(Wrong.ADDED, self.chain, text, seq=closed + 1, seq_last=self._last)

    def _pruned(self) -> Iterator[Found]:
        if self.begin is None or self.begin.tree.size == 0:
            return
        size = self.begin.tree.size
        while self._due and self._due[-1].size < size:
            self._due.pop()  # of rows that are gone
        self._tree = Frontier(size, self.begin.tree.hashes)
        self._last, self._prev = size, self.begin.head
        if not self._due:
            text = "what was kept of the rows before goes beyond what was signed"
            yield Found(Wrong.FORGED, self.chain, text, seq=1, seq_last=size)
            self._whole = False
        yield from self._signed(self.begin.head, size)

    def _empty_trees(self) -> Iterator[Found]:
        while self._due and self._due[-1].size == 0:
            item = self._due.pop()
            if item.root != EMPTY_ROOT or item.head != GENESIS:
                text = "it was signed over no rows, and its root is that of some"
                yield Found(Wrong.FORGED, self.chain, text, checkpoint=item.number)

    def _row(self, leaf: Leaf) -> Iterator[Found]:
        seq = leaf.seq
        if seq is None:
            self._whole = False
            yield self._about(leaf, Wrong.BROKEN, f"the line is no row: {leaf.problem}")
            return
        if not leaf.ours:
            yield self._about(leaf, Wrong.ADDED, "the row belongs to another chain")
        if leaf.fits is False:
            yield self._about(leaf, Wrong.EDITED, "the row's text does not fit its hash")
        if seq <= self._last:
            if self.begin is None or not seq <= self.begin.tree.size == self._last:
                yield from self._again(leaf, seq)
            return  # retention was interrupted before it took this one
        if seq > self._last + 1:
            self._holes.append((self._last + 1, seq - 1))
            self._whole = False
        elif leaf.prev_hash != self._prev:
            text = "it follows another row than the one before it: one of the two was replaced"
            yield self._about(leaf, Wrong.EDITED, text)
        self._last, self._prev = seq, leaf.row_hash
        yield from self._time(leaf)
        if self._whole:
            self._tree.append(leaf_hash(bytes.fromhex(leaf.row_hash)))
            yield from self._signed(leaf.row_hash, seq)

    def _again(self, leaf: Leaf, seq: int) -> Iterator[Found]:
        """A row whose place is behind us: it was moved here, or it is here twice."""
        self._whole = False
        for at, (first, last) in enumerate(self._holes):
            if first <= seq <= last:
                self._holes[at : at + 1] = [part for part in ((first, seq - 1), (seq + 1, last)) if part[0] <= part[1]]
                if self._moved and seq == self._moved[1] + 1:
                    self._moved[1] = seq
                    return
                yield from self._moves()
                self._moved = [seq, seq]
                return
        yield self._about(leaf, Wrong.ADDED, "a row of this seq was there already")

    def _moves(self) -> Iterator[Found]:
        if self._moved:
            first, last = self._moved
            text = "these rows stand after later ones: lines or segments were put in another order"
            yield Found(Wrong.REORDERED, self.chain, text, seq=first, seq_last=last)
        self._moved = []

    def _signed(self, row_hash: str, seq: int) -> Iterator[Found]:
        """Hold the tree against the checkpoints that were signed over just as many rows."""
        while self._whole and self._due and self._due[-1].size == seq:
            item = self._due.pop()
            if (self._tree.root(), row_hash) == (item.root, item.head):
                self.proved = seq
                yield from self._before(seq, item)
                continue
            text = f"rows were changed, removed or put in here and their hashes made anew (checkpoint {item.number})"
            first = self.proved + 1
            yield Found(Wrong.REWRITTEN, self.chain, text, seq=first, seq_last=seq, checkpoint=item.number)
            self._whole = False  # all later roots differ too: that says nothing new

    def _before(self, seq: int, item: Checkpoint) -> Iterator[Found]:
        if self._clock > item.ts + self.clock_slack_us:
            text = "it is older than a row it covers: the clock went back in between"
            yield Found(Wrong.CLOCK, self.chain, text, seq=seq, checkpoint=item.number)

    def _time(self, leaf: Leaf) -> Iterator[Found]:
        if leaf.at is None:
            return
        if leaf.at < self._since - self.clock_slack_us:
            seconds = (self._since - leaf.at) / 1e6
            yield self._about(leaf, Wrong.CLOCK, f"the clock went back {seconds:.3f} s before this row")
            self._since = leaf.at  # once for each step back, not for every row until the clock has caught up
        self._since = max(self._since, leaf.at)
        self._clock = max(self._clock, leaf.at)

    def _about(self, leaf: Leaf, wrong: Wrong, text: str) -> Found:
        return Found(wrong, self.chain, text, file=leaf.file, line=leaf.line, seq=leaf.seq)
