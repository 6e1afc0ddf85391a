"""Kept texts against the records that name them: whether they are as they were, without any key to read them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from weir.audit.content.reader import ContentReader
from weir.audit.content.segments import begun_ms
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.removals import announced

__all__ = ["Contents"]

BATCH = 20_000  # events held at a time
_BEFORE_MS = 86_400_000  # an event may wait for a disk or a key before a file is begun for it
_AFTER_MS = 60_000  # a clock may be set back a little
_NEVER = 1 << 62
_QUERY = """
    SELECT event_id::VARCHAR, content_ct_hash, proxy_id || '-' || boot_id, seq FROM events
    WHERE content_ct_hash IS NOT NULL AND ts >= ? ORDER BY event_id"""
_SAID = {
    "altered": (Wrong.EDITED, "the texts of this row were changed since they were written"),
    "lost": (Wrong.REMOVED, "the key to the texts of this row is gone, and nothing says that it was destroyed"),
    "missing": (Wrong.REMOVED, "the texts of this row are gone or damaged"),
}


class Contents:
    """One look. ``texts``: how many rows name texts."""

    def __init__(self, data: Path, connection: duckdb.DuckDBPyConnection, log: LogReport, since: int = 0) -> None:
        """``since``: µs since the epoch; older rows are left out."""
        self._data, self._connection, self._log = data, connection, log
        self._since = datetime.fromtimestamp(since / 1e6, UTC).replace(tzinfo=None)
        self.texts = 0

    def found(self) -> Iterator[Found]:
        """Everything. Raises OSError, duckdb.Error."""
        folder = self._data / "content"
        taken = self._taken()
        with ContentReader(folder) as reader:
            answer = self._connection.execute(_QUERY, [self._since])
            while rows := answer.fetchmany(BATCH):
                self.texts += len(rows)
                states = reader.check({event_id: ct_hash for event_id, ct_hash, *_ in rows})
                for event_id, _, chain, seq in rows:
                    said = _SAID.get(states[event_id])
                    if said is not None and not (states[event_id] == "missing" and _within(event_id, taken)):
                        yield Found(said[0], chain, said[1], seq=seq)
            for problem in reader.problems():
                file, _, text = problem.partition(": ")
                yield Found(Wrong.EDITED, "", text, file=f"content/{file}")

    def _taken(self) -> list[tuple[int, int]]:
        """From when to when (ms) events were whose texts can have been in files that were removed: of those all keys
        were destroyed, and nobody can say any more what was in them."""
        found: list[tuple[int, int]] = []
        for name in {*self._log.taken, *announced(self._data)}:
            folder, _, file = name.rpartition("/")
            begun = begun_ms(Path(file))
            if folder == "content" and begun is not None:
                closed = self._log.sealed_at.get(name)  # signed before it was removed, and not written to since
                found.append((begun - _BEFORE_MS, _NEVER if closed is None else closed // 1000 + _AFTER_MS))
        return _merged(found)


def _merged(periods: list[tuple[int, int]]) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []
    for since, until in sorted(periods):
        if made and since <= made[-1][1]:
            made[-1] = made[-1][0], max(until, made[-1][1])
        else:
            made.append((since, until))
    return made


def _within(event_id: str, periods: list[tuple[int, int]]) -> bool:
    """Whether an event's id was made in one of the periods: it begins with the milliseconds (UUID version 7)."""
    made = int.from_bytes(uuid.UUID(event_id).bytes[:6])
    return any(since <= made <= until for since, until in periods)
