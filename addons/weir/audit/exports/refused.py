"""Rows that a receiver refused, set aside with its reason, so that one of them holds up no others and none is lost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import orjson

from weir.audit.exports.jsonl import document
from weir.audit.exports.reading import Item
from weir.audit.exports.row import moment, text
from weir.audit.record import now_us
from weir.audit.spool.segment import sync_directory

__all__ = ["ENDING", "RefusedRows"]

ENDING = ".refused.jsonl"


class RefusedRows:
    """A file of JSON lines (0600): ``at, chain, seq, event_id, why`` and the row as ``--format jsonl`` has it."""

    def __init__(self, path: Path | None) -> None:
        """None: there is no place to keep them."""
        self.path = path

    def keep(self, found: Sequence[tuple[Item, str]]) -> None:
        """Write rows with the reason, durably. Raises OSError."""
        if not found or self.path is None:
            return
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "ab") as file:
            file.write(b"".join(_line(item, why) for item, why in found))
            file.flush()
            os.fsync(file.fileno())
        sync_directory(self.path.absolute().parent)


def _line(item: Item, why: str) -> bytes:
    doc = {"at": moment({"ts": now_us()}), "chain": item.chain, "seq": item.seq, "why": why}
    if item.row is not None:
        doc |= {"event_id": text(item.row, "event_id"), "row": document(item.row)}
    return orjson.dumps(doc) + b"\n"
