"""The file of checkpoints: one line each, appended durably. What stands in it is judged by ``log.py``."""

from __future__ import annotations

import os
from pathlib import Path

from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.log import BadLogLine, LogReport, examine_log, log_line, read_log_line
from weir.audit.evidence.note import VerifierKey
from weir.audit.spool.segment import sync_directory

__all__ = ["append_note", "read_log", "read_notes"]


def read_notes(path: Path) -> tuple[list[tuple[str, bytes]], list[Found]]:
    """The notes of a log with where each stands, and the lines that hold none. No file is an empty log.

    A last line without newline was being written when somebody died; it is left out. Raises OSError.
    """
    notes, found = [], []
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return [], []
    for number, line in enumerate(lines, 1):
        try:
            notes.append((f"{path.name}:{number}", read_log_line(line + b"\n")))
        except BadLogLine as problem:
            found.append(Found(Wrong.FORGED, "", f"the line is no checkpoint: {problem}", file=path.name, line=number))
    return notes, found


def read_log(path: Path, trusted: VerifierKey) -> LogReport:
    """``examine_log`` of a file. Raises OSError."""
    notes, found = read_notes(path)
    report = examine_log(notes, trusted)
    report.found[:0] = found
    return report


def append_note(path: Path, note: bytes) -> None:
    """Add a note, on disk on return; a line that broke off before is overwritten. The caller holds ``locked(path)``.

    Raises OSError, BadNote or BadEntry.
    """
    line = log_line(note)
    new = not path.exists()
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        with os.fdopen(fd, "r+b", closefd=False) as file:
            kept = file.read()
            file.seek(kept.rfind(b"\n") + 1)
            file.truncate()
            file.write(line)
            file.flush()
            os.fdatasync(fd)
    finally:
        os.close(fd)
    if new:
        sync_directory(path.parent)
