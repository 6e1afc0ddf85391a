"""Kept texts against the records that name them: whether they are as they were, without any key to read them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from weir.audit.content.reader import ContentReader
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.removals import announced

__all__ = ["Contents"]

BATCH = 20_000  # events held at a time
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
        # Files whose keys were all destroyed are removed: then nobody can say any more what was in them.
        taken = any(name.startswith("content/") for name in (*self._log.taken, *announced(self._data)))
        with ContentReader(folder) as reader:
            answer = self._connection.execute(_QUERY, [self._since])
            while rows := answer.fetchmany(BATCH):
                self.texts += len(rows)
                states = reader.check({event_id: ct_hash for event_id, ct_hash, _, _ in rows})
                for event_id, _, chain, seq in rows:
                    said = _SAID.get(states[event_id])
                    if said is not None and not (taken and states[event_id] == "missing"):
                        yield Found(said[0], chain, said[1], seq=seq)
            for problem in reader.problems():
                file, _, text = problem.partition(": ")
                yield Found(Wrong.EDITED, "", text, file=f"content/{file}")
