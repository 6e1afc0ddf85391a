"""A small audit of which everything is there: lines plain and compressed, day files, texts, checkpoints, copies."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from weir.audit.content.kek import load
from weir.audit.content.parts import Content, Text
from weir.audit.content.writer import ContentWriter
from weir.audit.evidence.duty import Checkpoints
from weir.audit.evidence.publish.duty import Publishing
from weir.audit.evidence.sealing import DayFiles
from weir.audit.ingester.duty import Desk
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, new_event_id, now_us
from weir.audit.spool.sealing import compress_segment
from weir.audit.spool.writer import Spool
from weir.audit.store.database import connect
from weir.datadir import DataDir
from weir.sections_audit import Audit, Publish
from weir.sections_audit import Checkpoints as Often

DAY_US = 86_400_000_000


@dataclass
class SealedAudit:
    """``root/data`` and, outside of it, ``root/published``; rows are of yesterday, so that their day is over."""

    root: Path
    days: DayFiles = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.data = DataDir(self.root / "data")
        self.published = self.root / "published"
        self.published.mkdir()
        often = Often(rows=20, publish=(Publish(directory=str(self.published)),))
        self.desk = Desk(self.data.path, Audit(checkpoints=often))
        self.days = DayFiles(self.data.path)
        self.witness = Checkpoints(self.days)

    def texts(self, count: int) -> list[tuple[str, str]]:
        """Keep texts; event ids and hashes."""
        directory = self.data.content
        writer = ContentWriter(directory, lambda: load(self.root / "content.keys", create=True), linger_s=0.0)
        writer.start()
        kept = []
        for number in range(count):
            event_id = new_event_id()
            kept.append((event_id, self._text(writer, event_id, number)))
        assert writer.flush(60)
        writer.close(10)
        return kept

    def _text(self, writer: ContentWriter, event_id: str, number: int) -> str:
        content = Content((Text("user", f"text {number}"),), f"reply {number}", ())
        sealed = writer.seal(
            content, event_id=event_id, user=f"u{number}", conversation="c", ts_us=now_us(), expires_day=40_000
        )
        assert sealed is not None
        writer.put(sealed)
        return sealed.content_ct_hash

    def boot(self, name: str, rows: int, texts: list[tuple[str, str]] | None = None, **spool: int) -> None:
        """Write a boot and close it."""
        kept = list(texts or [])
        writer = Spool(self.data.spool, self.data.proxy_id, name, **{"segment_bytes_max": 20 << 10, **spool})
        writer.start()
        for number in range(rows):
            event_id, ct_hash = kept.pop() if kept else (new_event_id(), "")
            writer.put(
                AuditRecord(
                    event_id=event_id, exchange_id=new_event_id(), kind="response", ts=now_us() - DAY_US,
                    user=f"user-{number}", host="api.example.com", content_ct_hash=ct_hash or None,
                    findings=(FindingRow(ord=0, detector="secret/x"),) if number % 3 == 0 else (),
                )
            )  # fmt: skip
            if number % 10 == 9:
                assert writer.flush(60)
        assert writer.close(60)

    def ingest(self) -> None:
        """Bring everything into day files, and wait until readers see that."""
        with Ingester(
            self.data.spool, self.data.audit, merge_at=2, settle_s=0.0, grace_s=0.0, fold_rows=10,
            on_sealed=self.days.sealed, on_removed=self.days.removed,
        ) as ingester:  # fmt: skip
            for _ in range(6):
                ingester.run_once()

    def compress(self) -> None:
        """All closed segments that are large enough."""
        from weir.audit.ingester.cursor import Cursor
        from weir.audit.spool.sealing import due

        cursor = Cursor.load(self.data.audit / "cursor.json")
        assert cursor is not None
        for path in due(self.data.spool, cursor.offsets):
            assert compress_segment(path) == ""

    def sign(self) -> list[str]:
        """Let the witness do all that is due, as if files had been quiet for a while."""
        old = time.time() - 60
        for path in self.data.path.rglob("*"):
            if path.suffix in (".zst", ".parquet", ".content"):
                os.utime(path, (old, old))
        told = self.witness.run(self.desk, last=True)
        return told + Publishing(lambda reference: reference).run(self.desk, last=True)

    def sealed_files(self) -> list[Path]:
        """Every file of which no byte may change."""
        spool = [path for path in self.data.spool.iterdir() if not path.name.startswith(".")]
        content = list(self.data.content.glob("*.content"))
        copies = [path for path in self.published.rglob("*") if path.is_file()]
        log = self.data.audit / "checkpoints.jsonl"
        return sorted(path for path in (*spool, *self.days.paths, *content, *copies, log) if path.stat().st_size)


def whole(root: Path) -> SealedAudit:
    """One with everything in it."""
    made = SealedAudit(root)
    made.boot("0001", 60, made.texts(6))
    made.ingest()
    made.sign()
    made.compress()
    made.boot("0002", 15)
    made.ingest()
    told = made.sign()
    assert told == [], told
    return made


class Spoiled:
    """A copy of a data directory that stays in its place, for tests to spoil one after the other.

    The store knows its place: where each test gets a new one, its views have to be made anew, which takes a second.
    """

    def __init__(self, whole: Path, folder: Path) -> None:
        self.path = Path(shutil.copytree(whole, folder))
        connect(self.path).close()
        self._files = {path: path.read_bytes() for path in self.path.rglob("*") if path.is_file()}

    def mend(self) -> None:
        """Make it what it was."""
        for path in self.path.rglob("*"):
            if path.is_file() and path not in self._files:
                path.unlink()
        for path, data in self._files.items():
            if not path.exists() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
                path.write_bytes(data)
                path.chmod(0o600)
