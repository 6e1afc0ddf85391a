"""How far the ingester is behind the spool: bytes, and the age of the first record that it has not taken over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson

from weir.audit.ingester.cursor import Cursor
from weir.audit.spool.opened import open_segment, segments, size

__all__ = ["UP_TO_DATE", "Behind", "behind"]

LINE_BYTES_MAX = 1 << 20
FILES_MAX = 16  # that are looked into; there are as many as chains being written


@dataclass(frozen=True, slots=True)
class Behind:
    """What of the spool is not in the store yet."""

    bytes: int = 0
    seconds: float = 0.0


UP_TO_DATE = Behind()


def behind(data: Path, now: Callable[[], float] = time.time) -> Behind:
    """Look at the spool and the ingester's cursor under the data directory. Raises OSError."""
    cursor = Cursor.load(data / "audit" / "cursor.json")
    offsets = cursor.offsets if cursor else {}
    lacking, oldest, looked = 0, None, 0
    for paths in segments(data / "spool").values():
        for path in paths:
            offset = offsets.get(path.name, 0)
            try:
                left = size(path) - offset
                if left <= 0:
                    continue
                lacking += left
                if looked < FILES_MAX:
                    looked += 1
                    written = _written(path, offset)
                    oldest = written if oldest is None else min(oldest, written or oldest)
            except FileNotFoundError:  # its time was over
                continue
    return Behind(lacking, 0.0 if oldest is None else max(0.0, now() - oldest / 1e6))


def _written(path: Path, offset: int) -> int | None:
    """When the record at this place was made, in microseconds since 1970; None when that can't be read."""
    with open_segment(path) as file:
        file.seek(offset)
        line = file.readline(LINE_BYTES_MAX)
    try:
        row = orjson.loads(line)
        return int(row.get("ts_end") or row["ts"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None
