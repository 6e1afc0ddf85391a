"""Retention of texts as a duty of the ingester's process: once an hour, with a record of what went."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from weir.audit.content.keyfile import KeyFileError
from weir.audit.content.keystore import KeyStore
from weir.audit.content.prune import Pruned, prune
from weir.audit.ingester.duty import Desk
from weir.audit.record import now_us
from weir.audit.spool.records import tell_retention
from weir.datadir import DataDirError

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

    How many keys go is recorded before they do, files when they are gone: from these nothing could be read any more.
    Raises OSError, DataDirError; also when the record could not be written: then no key was destroyed.
    """
    directory, now = data / "content", now_us()
    store = KeyStore(directory)
    if not store.file.exists():
        return None
    try:
        due = store.due(now)
        if due:
            _tell(data, keys=due)
        gone = prune(directory, now, lambda path: removing(data, [path]))
    except KeyFileError as error:
        raise DataDirError(str(error)) from None
    if gone.files:
        _tell(data, files=gone.files, bytes=gone.bytes)
    return gone if gone.keys or gone.files else None


def _tell(data: Path, **figures: int) -> None:
    told = {"of": "content", "keys": 0, "files": 0, "bytes": 0} | figures
    tell_retention(data, [("texts were kept for as long as the policy said", told)])
