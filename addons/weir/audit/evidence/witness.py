"""Follows a spool while it is written and signs what is in it: the process beside the proxy that holds the key.

It reads whole lines only, never the last one without its newline, and brings them to disk before it signs them. After a
restart it takes up each tree where it put it aside, or makes it anew from the spool and holds it against what was
signed before: over rows that were changed it signs nothing any more.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from weir.audit.evidence.entries import Sum
from weir.audit.evidence.examine import Begin
from weir.audit.evidence.follow import Follow
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.keys import first_key, settle, signing_key
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.logfile import Place, append_note, read_log, read_on
from weir.audit.evidence.maker import INTERVAL_US, ROWS_MAX, Maker
from weir.audit.evidence.note import SigningKey, VerifierKey
from weir.audit.evidence.sealing import Changes
from weir.audit.evidence.state import State
from weir.audit.spool.opened import held, segments, stored
from weir.datadir import locked

__all__ = ["Witness"]

FRESH_S = 5.0
STEP_ROWS = 200_000  # in one step; a backlog must not keep the ingester from its other work


class Witness:
    """Signs one proxy's boots as they are written, each from its beginning. ``found``: what kept it from signing on."""

    def __init__(
        self,
        spool: Path,
        log: Path,
        keys: Path,
        proxy_id: str,
        *,
        rows_max: int = ROWS_MAX,
        interval_us: int = INTERVAL_US,
        begins: Mapping[str, Begin] | None = None,
        step_rows: int = STEP_ROWS,
    ) -> None:
        """``spool``: its directory; ``log``: the file of checkpoints; ``keys``: the directory of the key files;
        ``begins``: what was kept of chains whose first rows retention took, when it was last asked for."""
        self._spool, self._log, self._keys, self._proxy_id = spool, log, keys, proxy_id
        self._rows_max, self._interval_us, self._step_rows = rows_max, interval_us, step_rows
        self._begins: Mapping[str, Begin] = begins or {}
        self._open: dict[str, Follow] = {}
        self._place = Place()  # of the log after our last look or note
        self._report: LogReport | None = None
        self._done: set[str] = set()  # chains that need no signature any more, or get none
        self._state = State(log.with_name("witness.json"))
        self.found: list[Found] = []

    @property
    def files(self) -> Mapping[str, Sum]:
        """The files that the log has as closed for good. Raises OSError or DataDirError."""
        return self._known()[0].files

    @property
    def key(self) -> VerifierKey:
        """The key that signs now. Raises OSError or DataDirError."""
        return self._known()[1].verifier

    def pace(self, rows_max: int, seconds: int) -> None:
        """How often to sign from now on."""
        self._rows_max, self._interval_us = rows_max, seconds * 1_000_000
        for followed in self._open.values():
            followed.maker.pace(self._rows_max, self._interval_us)

    def began(self, begins: Mapping[str, Begin]) -> None:
        """What is kept by now of chains whose first rows are gone."""
        self._begins = begins

    def step(self, now: int) -> list[bytes]:
        """Read what is new and sign what is due at ``now`` (µs since the epoch); the notes made, which are in the log.

        A boot whose writer has let go of its last segment gets its last checkpoint. Raises OSError and DataDirError
        (keys, or another process that holds the log); then nothing is lost, and the next step goes on.
        """
        made: list[bytes] = []
        left = self._step_rows
        with locked(self._log):
            self._beside()
            for chain, paths in segments(self._spool).items():
                if chain in self._done or not self._ours(chain):
                    continue
                over = self._is_over(chain, paths)
                followed = self._follow(chain)
                if followed is None:
                    continue
                before = followed.seq
                for reason in followed.read(paths, left, now):
                    made += self._sign(followed, now, reason)
                left -= followed.seq - before
                if not followed.ended:
                    break  # the rest comes with the next step, and later boots after it
                made += self._close(followed, now) if over else self._sign(followed, now, followed.maker.due(now))
        return made

    def seal(self, changes: Changes, now: int) -> list[bytes]:
        """Sign what became of files. Raises like ``step``."""
        if not (changes.removed or changes.sealed):
            return []
        with locked(self._log):
            self._beside()
            note = self._maker("none").files(changes.removed, changes.sealed, now)
            self._append(note)
        return [note]

    def rotate(self, new: SigningKey, now: int) -> bytes:
        """Let ``new`` (of ``keys.next_key``) take over: the note both signed, in the log. Raises like ``step``."""
        with locked(self._log):
            self._beside()
            note = self._maker("none").rotate(new, now)
            self._append(note)
            settle(self._keys, self._proxy_id, new.verifier)
            self._open.clear()  # the next step takes the trees up again under the new key
        return note

    def _beside(self) -> None:
        """Whether somebody else touched the log since: another witness added to it, then its notes come before ours;
        or it lost some, then our numbers go on from what was there, so that the hole shows to whoever verifies."""
        size = _size(self._log)
        if size < self._place.bytes:
            text = "checkpoints were taken out of the log while it was written"
            self.found.append(Found(Wrong.CHECKPOINT_GONE, "", text, file=self._log.name))
            self._place.bytes = size
        elif size > self._place.bytes and self._report is not None:
            read_on(self._log, self._report, self._place)
            self._open.clear()  # the trees are taken up again, and held against what is there now

    def _ours(self, chain: str) -> bool:
        return chain.startswith(f"{self._proxy_id}-")

    def _known(self) -> tuple[LogReport, SigningKey]:
        signing_key(self._keys, self._proxy_id)  # made at first use
        if self._report is None:
            self._place = Place()
            self._report = read_log(self._log, first_key(self._keys), self._place)
            self.found += [item for item in self._report.found if item not in self.found]
        assert self._report.key is not None
        return self._report, settle(self._keys, self._proxy_id, self._report.key)

    def _maker(self, boot_id: str) -> Maker:
        report, key = self._known()
        return Maker(key, self._proxy_id, boot_id, report, rows_max=self._rows_max, interval_us=self._interval_us)

    def _is_over(self, chain: str, paths: list[Path]) -> bool:
        """Whether nobody will write to a boot any more. Its writer lets go of a segment when it has the next one."""
        if held(stored(paths[-1])) or _is_fresh(paths[-1]):
            return False
        return segments(self._spool).get(chain, paths)[-1] == paths[-1]

    def _follow(self, chain: str) -> Follow | None:
        """The boot to go on with; None when it is closed already, or must not be signed on."""
        if chain in self._open:
            return self._open[chain]
        report, _ = self._known()
        signed = report.checkpoints.get(chain, [])
        if any(item.reason == "close" for item in signed):
            self._done.add(chain)
            return None
        boot_id = chain.removeprefix(f"{self._proxy_id}-")
        followed = Follow(self._proxy_id, boot_id, self._maker(boot_id), signed, self.found)
        aside = self._state.asides.get(chain)
        if (aside is None or not followed.take_up(aside, signed)) and chain in self._begins:
            followed.begin(self._begins[chain])
        self._open[chain] = followed
        return followed

    def _sign(self, followed: Follow, now: int, reason: str) -> list[bytes]:
        if not reason or not followed.may_sign:
            return []
        followed.sync()
        report, _ = self._known()
        note = followed.maker.after(report).make(now, reason)
        self._append(note)
        self._state.asides[followed.chain] = followed.aside()
        return [note]

    def _close(self, followed: Follow, now: int) -> list[bytes]:
        """The last checkpoint of a boot, unless a row in it can't be signed."""
        made = self._sign(followed, now, followed.maker.due(now) if followed.stopped else "close")
        self._done.add(followed.chain)
        self._open.pop(followed.chain, None)
        self._state.asides.pop(followed.chain, None)
        return made

    def _append(self, note: bytes) -> None:
        append_note(self._log, note)
        if self._report is not None:
            read_on(self._log, self._report, self._place)

    def keep(self, found: Sequence[Found] = ()) -> None:
        """Put aside how far we are, for the next start, and what was ``found``, for others to see. Raises OSError."""
        self._state.save([str(item) for item in found])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _is_fresh(path: Path) -> bool:
    """Whether a segment may have been made this moment, and not locked yet."""
    try:
        info = path.stat()
    except FileNotFoundError:
        return False
    return info.st_size == 0 and abs(time.time() - info.st_mtime) < FRESH_S
