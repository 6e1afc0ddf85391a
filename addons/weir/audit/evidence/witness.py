"""Follows a spool while it is written and signs what is in it: the process beside the proxy that holds the key.

It reads whole lines only, never the last one without its newline. Before it signs on, it makes each tree anew from the
spool and holds it against what was signed before: over rows that were changed it signs nothing any more.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import orjson

from weir.audit.evidence.entries import Checkpoint
from weir.audit.evidence.examine import Examination
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.keys import first_key, settle, signing_key
from weir.audit.evidence.leaves import Leaf, from_lines, from_spool
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.logfile import append_note, read_log
from weir.audit.evidence.maker import INTERVAL_US, ROWS_MAX, Maker
from weir.audit.evidence.note import SigningKey
from weir.audit.spool.chain import segments
from weir.audit.spool.lines import GENESIS, BadLine, unseal
from weir.datadir import locked

__all__ = ["Witness"]

_CHUNK = 4 << 20  # bytes of a segment read at a time


@dataclass(slots=True)
class _Followed:
    """The boot that is being signed, and how far its files were read."""

    chain: str
    maker: Maker
    offsets: dict[Path, int]
    lines: dict[Path, int]
    seq: int = 0
    prev: str = GENESIS
    stopped: bool = False


class Witness:
    """Signs one proxy's boots, one after the other. ``found``: what kept it from signing on, empty when nothing did."""

    def __init__(
        self,
        spool: Path,
        log: Path,
        keys: Path,
        proxy_id: str,
        *,
        rows_max: int = ROWS_MAX,
        interval_us: int = INTERVAL_US,
    ) -> None:
        """``spool``: its directory; ``log``: the file of checkpoints; ``keys``: the directory of the key files."""
        self._spool, self._log, self._keys, self._proxy_id = spool, log, keys, proxy_id
        self._rows_max, self._interval_us = rows_max, interval_us
        self._now: _Followed | None = None
        self._log_bytes = 0  # of the log after our last look or note
        self._done: set[str] = set()  # chains that need no signature any more, or get none
        self.found: list[Found] = []

    def step(self, now: int, *, last: bool = False) -> list[bytes]:
        """Read what is new and sign what is due at ``now`` (µs since the epoch); the notes made, which are in the log.

        ``last``: the proxy has closed its spool: the newest boot gets its last checkpoint. Raises OSError and
        DataDirError (keys, or another process that holds the log); then nothing is lost, and the next step goes on.
        """
        made: list[bytes] = []
        with locked(self._log):
            self._beside()
            chains = {name: paths for name, paths in segments(self._spool).items() if self._ours(name)}
            for at, (chain, paths) in enumerate(chains.items()):
                if chain in self._done:
                    continue
                newest = at == len(chains) - 1
                over = last if newest else not _held(paths[-1])
                followed = self._follow(chain, paths)
                if followed is None:
                    continue
                self._read(followed, paths)
                made += self._sign(followed, now, over=over)
                if not over:
                    break  # boots are signed in their order
        return made

    def rotate(self, new: SigningKey, now: int) -> bytes:
        """Let ``new`` (of ``keys.next_key``) take over: the note both signed, in the log. Raises like ``step``."""
        with locked(self._log):
            report, key = self._state()
            note = Maker(key, self._proxy_id, "none", report).rotate(new, now)
            append_note(self._log, note)
            self._log_bytes = _size(self._log)
            settle(self._keys, self._proxy_id, new.verifier)
            self._now = None  # the next step takes the tree up again under the new key
        return note

    def _beside(self) -> None:
        """Whether somebody else touched the log since: another witness added to it, then its notes come before ours;
        or it lost some, then our numbers go on from what was there, so that the hole shows to whoever verifies."""
        size = _size(self._log)
        if size < self._log_bytes:
            text = "checkpoints were taken out of the log while it was written"
            self.found.append(Found(Wrong.CHECKPOINT_GONE, "", text, file=self._log.name))
        elif size > self._log_bytes:
            self._now = None
        self._log_bytes = size

    def _ours(self, chain: str) -> bool:
        return chain.startswith(f"{self._proxy_id}-")

    def _state(self) -> tuple[LogReport, SigningKey]:
        signing_key(self._keys, self._proxy_id)  # made at first use
        report = read_log(self._log, first_key(self._keys))
        assert report.key is not None
        return report, settle(self._keys, self._proxy_id, report.key)

    def _follow(self, chain: str, paths: list[Path]) -> _Followed | None:
        """The boot to go on with; None when it is closed already, or must not be signed on."""
        if self._now is not None and self._now.chain == chain:
            return self._now
        report, key = self._state()
        self.found += [item for item in report.found if item not in self.found]
        signed = report.checkpoints.get(chain, [])
        if any(item.reason == "close" for item in signed):
            self._done.add(chain)
            return None
        if signed:
            wrong = list(Examination(chain, signed).found(from_spool(chain, paths)))
            # A clock that went back is told by whoever verifies; the rows are what they are, and are signed.
            grave = [item for item in wrong if item.wrong is not Wrong.CLOCK]
            if grave:
                self.found += grave
                self._done.add(chain)
                return None
        boot_id = chain.removeprefix(f"{self._proxy_id}-")
        maker = Maker(key, self._proxy_id, boot_id, report, rows_max=self._rows_max, interval_us=self._interval_us)
        followed = _Followed(chain, maker, {}, {})
        if signed:
            self._read(followed, paths)
            maker.resume(_last(signed))
        self._now = followed
        return followed

    def _read(self, followed: _Followed, paths: list[Path]) -> None:
        """Add the rows that came. A row that does not follow the one before ends it: nothing after it is signed."""
        for path in paths:
            if followed.stopped:
                return
            with path.open("rb") as file:
                file.seek(followed.offsets.get(path, 0))
                while block := file.read(_CHUNK):
                    block += b"" if block.endswith(b"\n") else file.readline()
                    whole = block[: block.rfind(b"\n") + 1]
                    self._add(followed, path, whole)
                    followed.offsets[path] = followed.offsets.get(path, 0) + len(whole)
                    if len(whole) < len(block) or followed.stopped:
                        break

    def _add(self, followed: _Followed, path: Path, data: bytes) -> None:
        boot_id = followed.chain.removeprefix(f"{self._proxy_id}-")
        head = orjson.dumps({"proxy_id": self._proxy_id, "boot_id": boot_id})[:-1] + b',"seq":%d,'
        for line in BytesIO(data):
            followed.lines[path] = followed.lines.get(path, 0) + 1
            row_hash = _next(line, head % (followed.seq + 1), followed.prev)
            if not row_hash:
                row_hash = self._other(followed, path, line)
            if not row_hash:
                followed.stopped = True
                return
            followed.maker.add(row_hash)
            followed.seq, followed.prev = followed.seq + 1, row_hash

    def _other(self, followed: _Followed, path: Path, line: bytes) -> str:
        """The hash of a row that is the next one though it is not written as weir writes it; "" when it is not."""
        (leaf,) = from_lines(followed.chain, path.name, [line])
        if leaf.fits and leaf.ours and leaf.seq == followed.seq + 1 and leaf.prev_hash == followed.prev:
            return leaf.row_hash
        wrong, text = _why(leaf, followed.seq + 1)
        line_number = followed.lines[path]
        self.found.append(Found(wrong, followed.chain, text, file=path.name, line=line_number, seq=leaf.seq))
        return ""

    def _sign(self, followed: _Followed, now: int, *, over: bool) -> list[bytes]:
        made = []
        reason = followed.maker.due(now)
        if over and not followed.stopped:
            reason = "close"
        if reason:
            made.append(followed.maker.make(now, reason))
            append_note(self._log, made[-1])
            self._log_bytes = _size(self._log)
        if over:
            self._done.add(followed.chain)
            self._now = None
        return made


def _last(signed: list[Checkpoint]) -> Checkpoint:
    return max(signed, key=lambda item: item.number)


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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _held(path: Path) -> bool:
    """Whether a writer has the segment open: it holds a lock on it as long as it lives."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
