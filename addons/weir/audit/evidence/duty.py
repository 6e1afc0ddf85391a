"""The witness as work of the ingester's process: signs rows as they come, and now and then what became of files."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from weir.audit.evidence.covered import begins
from weir.audit.evidence.found import Found
from weir.audit.evidence.removals import forget
from weir.audit.evidence.sealing import DayFiles, Sealing
from weir.audit.evidence.table import LOG
from weir.audit.evidence.witness import Witness
from weir.audit.ingester.duty import Desk
from weir.audit.record import now_us
from weir.datadir import DataDir

__all__ = ["Checkpoints"]

FILES_S = 20.0  # between two looks at the files
ENTRIES_MAX = 20  # about files, at one look


class Checkpoints:
    """The duty. What keeps the witness from signing on is told once each."""

    name = "checkpoints"
    every_s = 2.0

    def __init__(self, days: DayFiles | None = None) -> None:
        """``days``: what the ingester's store tells of its files."""
        self._days = days
        self._witness: Witness | None = None
        self._sealing: Sealing | None = None
        self._files_due = 0.0
        self._told: set[Found] = set()

    def run(self, desk: Desk, *, last: bool) -> list[str]:
        """Sign what is due. Raises OSError, DataDirError; then the next run takes up what this one left."""
        witness, sealing = self._made(desk)
        witness.pace(desk.audit.checkpoints.rows, desk.audit.checkpoints.seconds)
        try:
            witness.began(begins(desk.data))
            witness.step(now_us())
            if last or monotonic() >= self._files_due:
                self._files_due = monotonic() + FILES_S
                self._files(desk.data, witness, sealing)
        finally:
            witness.keep([*witness.found, *sealing.found])
        return [str(item) for item in (*witness.found, *sealing.found) if self._is_new(item)]

    def _files(self, data: Path, witness: Witness, sealing: Sealing) -> None:
        for _ in range(ENTRIES_MAX):
            changes = sealing.changes(witness.files)
            witness.seal(changes, now_us())
            forget(data, changes.told)
            if not changes.full:
                return

    def _is_new(self, item: Found) -> bool:
        new = item not in self._told
        self._told.add(item)
        return new

    def _made(self, desk: Desk) -> tuple[Witness, Sealing]:
        if self._witness is None or self._sealing is None:
            data = DataDir(Path(desk.data))
            self._witness = Witness(data.spool, data.audit / LOG, data.keys, data.proxy_id)
            self._sealing = Sealing(data.path, self._days)
        return self._witness, self._sealing
