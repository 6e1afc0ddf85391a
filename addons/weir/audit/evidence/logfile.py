"""The file of checkpoints: one line each, appended durably. What stands in it is judged by ``log.py``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.log import BadLogLine, LogReport, examine_log, extend, log_line, read_log_line
from weir.audit.evidence.note import VerifierKey
from weir.audit.spool.segment import sync_directory

__all__ = ["Place", "append_note", "notes_of", "read_log", "read_on"]

_BLOCK = 64 << 10


@dataclass(slots=True)
class Place:
    """How far a log was read."""

    bytes: int = 0
    line: int = 0


def notes_of(path: Path, found: list[Found], place: Place | None = None) -> Iterator[tuple[str, bytes]]:
    """The notes of a log from ``place`` on, with where each stands; lines that hold none are added to ``found``.

    No file is an empty log. A last line that broke off was being written when somebody died; it is left out. One that
    is whole and ends in something else than a newline was changed. ``place`` moves along. Raises OSError.
    """
    place = place or Place()
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(place.bytes)
        for line in file:
            if not line.endswith(b"\n"):
                if line[-2:-1] == b"}" and _is_note(line[:-1] + b"\n"):
                    text = "the line's end was changed"
                    found.append(Found(Wrong.FORGED, "", text, file=path.name, line=place.line + 1))
                return
            place.bytes, place.line = place.bytes + len(line), place.line + 1
            try:
                yield f"{path.name}:{place.line}", read_log_line(line)
            except BadLogLine as problem:
                text = f"the line is no checkpoint: {problem}"
                found.append(Found(Wrong.FORGED, "", text, file=path.name, line=place.line))


def _is_note(line: bytes) -> bool:
    try:
        return bool(read_log_line(line))
    except BadLogLine:
        return False


def read_log(path: Path, trusted: VerifierKey, place: Place | None = None) -> LogReport:
    """``examine_log`` of a file; ``place`` is moved to its end. Raises OSError."""
    report = examine_log([], trusted)
    read_on(path, report, place or Place())
    return report


def read_on(path: Path, report: LogReport, place: Place) -> None:
    """Take up what came to a log since ``place``. Raises OSError."""
    found: list[Found] = []
    extend(report, notes_of(path, found, place))
    report.found += found


def append_note(path: Path, note: bytes) -> None:
    """Add a note, on disk on return; a line that broke off before is overwritten. The caller holds ``locked(path)``.

    Raises OSError, BadNote or BadEntry.
    """
    line = log_line(note)
    new = not path.exists()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        end = _end_of_lines(fd)
        os.ftruncate(fd, end)
        view = memoryview(line)
        while view:
            written = os.pwrite(fd, view, end)
            view, end = view[written:], end + written
        os.fdatasync(fd)
    finally:
        os.close(fd)
    if new:
        sync_directory(path.parent)


def _end_of_lines(fd: int) -> int:
    """Where the last newline ends; 0 when there is none."""
    at = os.lseek(fd, 0, os.SEEK_END)
    while at > 0:
        step = min(_BLOCK, at)
        at -= step
        found = os.pread(fd, step, at).rfind(b"\n")
        if found >= 0:
            return at + found + 1
    return 0
