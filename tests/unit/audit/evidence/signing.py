"""A data directory with a proxy that can be started, and what a witness makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from weir.audit.evidence.entries import Checkpoint, parse_entry
from weir.audit.evidence.found import Found
from weir.audit.evidence.keys import first_key
from weir.audit.evidence.logfile import read_log
from weir.audit.evidence.note import parse_note
from weir.audit.evidence.whole import Whole
from weir.audit.evidence.witness import Witness
from weir.audit.record import AuditRecord
from weir.audit.spool.chain import segments
from weir.audit.spool.writer import Spool

Make = Callable[..., AuditRecord]


class Place:
    """A data directory with a proxy that can be started, and what the witness makes of it."""

    def __init__(self, root: Path, record: Make) -> None:
        self.spool, self.log, self.keys = root / "spool", root / "checkpoints.jsonl", root / "keys"
        self.keys.mkdir(mode=0o700)
        self.record, self.boots = record, 0

    def boot(self, rows: int, *, close: bool = True) -> Spool:
        self.boots += 1
        spool = Spool(self.spool, "p", f"boot-{self.boots}", segment_bytes_max=4096)
        spool.start()
        self.write(spool, rows)
        if close:
            assert spool.close(60)
        return spool

    def write(self, spool: Spool, rows: int) -> None:
        for _ in range(rows):
            spool.put(self.record())
        assert spool.flush(60)

    def witness(self) -> Witness:
        return Witness(self.spool, self.log, self.keys, "p", rows_max=5)

    def verify(self) -> tuple[Whole, list[Found]]:
        whole = Whole(read_log(self.log, first_key(self.keys)))
        return whole, list(whole.found(segments(self.spool)))


def told(notes: list[bytes]) -> list[tuple[str, int, str]]:
    entries = [parse_entry(parse_note(note).text) for note in notes]
    return [(entry.boot_id, entry.size, entry.reason) for entry in entries if isinstance(entry, Checkpoint)]
