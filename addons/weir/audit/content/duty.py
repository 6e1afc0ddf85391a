"""Retention of texts as a duty of the ingester's process: once an hour, with a record of what went."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import orjson

from weir.audit.content.keyfile import KeyFileError
from weir.audit.content.keystore import KeyStore
from weir.audit.content.prune import Pruned, prune
from weir.audit.ingester.duty import Desk
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.records import write_records
from weir.datadir import DataDir, DataDirError

__all__ = ["ContentRetention", "prune_texts"]


class ContentRetention:
    """Needs no key: what a data key opened is gone with it, whoever wraps it."""

    name = "texts"
    every_s = 3600.0

    def __init__(self, removing: Callable[[Path, Iterable[Path]], None]) -> None:
        """``removing``: told of files before they go, with the data directory."""
        self._removing = removing

    def run(self, desk: Desk, *, last: bool) -> list[str]:
        """Take away what is due. ``last``: the next start does it."""
        if last:
            return []
        gone = prune_texts(desk.data, self._removing)
        if gone is None:
            return []
        return [f"{gone.keys} keys of texts were over and are destroyed, {gone.files} files of texts removed"]


def prune_texts(data: Path, removing: Callable[[Path, Iterable[Path]], None]) -> Pruned | None:
    """Destroy keys of texts whose last day is over, and record it; None when nothing was due.

    The record follows what it tells, so it is never untrue; what a crash leaves untold is a number less in the next.
    Raises OSError, DataDirError.
    """
    directory = data / "content"
    if not KeyStore(directory).file.exists():
        return None
    try:
        gone = prune(directory, now_us(), lambda path: removing(data, [path]))
    except KeyFileError as error:
        raise DataDirError(str(error)) from None
    if not (gone.keys or gone.files):
        return None
    made, now = new_event_id(), now_us()
    told = {"of": "content", "keys": gone.keys, "files": gone.files, "bytes": gone.bytes}
    record = AuditRecord(
        event_id=made,
        exchange_id=made,
        kind="retention",
        ts=now,
        ts_end=now,
        reason="texts were kept for as long as the policy said",
        extra=orjson.dumps(told).decode(),
    )
    home = DataDir(data)
    write_records(home.spool, home.proxy_id, [record])
    return gone
