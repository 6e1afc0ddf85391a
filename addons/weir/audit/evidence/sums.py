"""Closed files against the sums that were signed; compressed segments that have none yet against their own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.removals import announced
from weir.audit.evidence.signed import Signed
from weir.audit.spool.frames import faults

__all__ = ["Sums"]

_CHUNK = 1 << 20


class Sums:
    """One look. ``bytes``: how many there are to read; ``files``: how many were read."""

    def __init__(self, data: Path, signed: Signed, since: int = 0) -> None:
        """``since`` (µs since the epoch): files that were closed before are left out."""
        self._data, self._signed = data, signed
        log = signed.log
        self._names = [name for name in log.files if log.sealed_at[name] >= since]
        self.bytes = sum(log.files[name].size for name in self._names)
        self.files = 0

    def found(self, progress: Callable[[int], None] = lambda done: None) -> Iterator[Found]:
        """Every file that is gone or changed. ``progress`` is called with the bytes that were read. Raises OSError."""
        suspects, done = [], 0
        for name in self._names:
            self.files += 1
            wrong = self._wrong(name, done, progress)
            done += self._signed.log.files[name].size
            if wrong is not None:
                suspects.append(wrong)
        if suspects:  # what was taken on purpose meanwhile is no finding
            told = announced(self._data)
            self._signed.again()
            for item in suspects:
                going = item.file in told and item.wrong is Wrong.REMOVED  # no file is ever replaced by another
                if not going and item.file in self._signed.log.files and self._still(item):
                    yield item
        for path in sorted((self._data / "spool").glob("*.jsonl.zst")):
            if f"spool/{path.name}" in self._signed.log.files or path.with_suffix("").exists():
                continue
            self.files += 1
            with path.open("rb") as file:
                for text in faults(file):
                    yield Found(Wrong.EDITED, "", text, file=f"spool/{path.name}")

    def _still(self, item: Found) -> bool:
        """Whether a file is still what it was said to be, by the sums as they are now."""
        return self._wrong(item.file, 0, lambda done: None) is not None

    def _wrong(self, name: str, before: int, progress: Callable[[int], None]) -> Found | None:
        signed = self._signed.log.files[name]
        digest, size = hashlib.sha256(), 0
        try:
            with (self._data / name).open("rb") as file:
                while block := file.read(_CHUNK):
                    digest.update(block)
                    size += len(block)
                    progress(before + size)
        except FileNotFoundError:
            return Found(Wrong.REMOVED, "", "a file that was closed for good is gone", file=name)
        if (size, digest.hexdigest()) != (signed.size, signed.sha256):
            return Found(Wrong.EDITED, "", "a file that was closed for good was changed", file=name)
        return None
