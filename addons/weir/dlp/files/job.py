"""The reading of one file: what was found in it, what was not, and how much it may still unpack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from weir.dlp.core.patterns import Deadline

__all__ = ["LATE", "FileLimits", "FileText", "FileTexts", "Job", "Stop", "not_read"]

MEMBERS_MAX: Final = 5000
GIVEN_UP_CHARS_MAX: Final = 1 << 20
LATE: Final = "file: out of time"


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Bounds on reading: bytes that all of a file may unpack to, archives within archives, members in all."""

    bytes_max: int = 64 << 20
    depth_max: int = 3
    members_max: int = MEMBERS_MAX


@dataclass(frozen=True, slots=True)
class FileText:
    """One text of a file. ``where`` says in which part by number: never a name, since names are the client's words."""

    where: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FileTexts:
    """All texts of a file. ``complete`` is False when something of it was not seen, and ``reason`` says what.

    ``failed``: a limit, a damaged file or a reader's fault kept us out, not the kind of content (a picture, an
    encrypted member). ``bytes_made`` counts what was unpacked.
    """

    texts: tuple[FileText, ...] = ()
    kind: str = ""
    complete: bool = True
    reason: str = ""
    failed: bool = False
    bytes_made: int = 0


class Stop(Exception):
    """Reading a file ends here. Its words are a reason and quote nothing. ``all_of_it``: what is around it, too."""

    def __init__(self, reason: str, *, failed: bool = True, all_of_it: bool = False) -> None:
        super().__init__(reason)
        self.failed = failed
        self.all_of_it = all_of_it


# What reads a file by its kind: (job, data, where, name, media type) → kind.
Reader = Callable[["Job", bytes, str, str, str], str]


class Job:
    """Collects texts and reasons while files within files are read."""

    def __init__(self, limits: FileLimits, deadline: Deadline | None, read: Reader) -> None:
        self.limits = limits
        self.depth = 0
        self.made = 0  # bytes unpacked so far
        self.failed = False
        self._deadline = deadline
        self._read = read
        self._members = 0
        self._texts: list[FileText] = []
        self._reasons: dict[str, None] = {}

    def add(self, where: str, text: str) -> None:
        """Keep a text, if there is anything in it."""
        if text and not text.isspace():
            self._texts.append(FileText(where, text))

    def miss(self, reason: str, *, failed: bool = False) -> None:
        """Note that something was not seen, and why."""
        self._reasons[reason] = None
        self.failed = self.failed or failed

    def check(self) -> None:
        """Raises Stop when the time is up: call it between steps of some milliseconds."""
        if self._deadline is not None and self._deadline.spent():
            raise Stop(LATE, all_of_it=True)

    @property
    def room(self) -> int:
        """Bytes that may still be unpacked."""
        return self.limits.bytes_max - self.made

    def take(self, count: int) -> None:
        """Count ``count`` more unpacked bytes. Raises Stop when there are too many, or the time is up."""
        self.made += count
        if self.made > self.limits.bytes_max:
            raise Stop("file: unpacks to more than the limit", all_of_it=True)
        self.check()

    def member(self) -> None:
        """Count one more member of a container. Raises Stop when there are too many."""
        self._members += 1
        if self._members > self.limits.members_max:
            raise Stop("file: more members than the limit", all_of_it=True)
        self.check()

    def enter(self) -> None:
        """A container is about to be opened. Raises Stop when it lies too deep."""
        if self.depth > self.limits.depth_max:
            raise Stop("file: archives nested too deep")

    def nested(self, data: bytes, where: str, name: str = "", media_type: str = "") -> None:
        """Read a file that stands inside the one at hand."""
        self.depth += 1
        try:
            self._read(self, data, where, name, media_type)
        finally:
            self.depth -= 1

    def result(self, kind: str) -> FileTexts:
        """All of it as a value."""
        reason = "; ".join(self._reasons)
        return FileTexts(tuple(self._kept()), kind, not self._reasons, reason, self.failed, self.made)

    def _kept(self) -> Iterator[FileText]:
        """What is worth a scan: of a file that was given up, only the beginning, or a bomb would cost twice."""
        room = GIVEN_UP_CHARS_MAX
        for text in self._texts:
            if not self.failed:
                yield text
            elif room > 0:
                yield text if len(text.text) <= room else FileText(text.where, text.text[:room])
                room -= len(text.text)


def not_read(reason: str) -> FileTexts:
    """The result for a file that nothing was seen of."""
    return FileTexts((), "", False, reason, failed=True)
