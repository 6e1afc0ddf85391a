"""Reading files and streams of any size for ``weir scan``: texts in windows, findings at their place in the file."""

from __future__ import annotations

import codecs
import io
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from weir.model import Action, Finding, Segment

if TYPE_CHECKING:
    from weir.dlp.core.engine import Engine
    from weir.dlp.files import FileLimits
    from weir.policy.decide import Policy

__all__ = ["Located", "Scanner", "Source", "sources"]

WINDOW_CHARS = 1 << 20
TAIL_CHARS = 1 << 16  # of a window, read again as the beginning of the next
CONTEXT_CHARS = 1 << 13  # of that, only read for what stands before a finding
HEAD_BYTES = 1 << 16
_SKIPPED = frozenset({
    ".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox", ".mypy_cache",
    ".ruff_cache", ".pytest_cache", ".idea", ".gradle", ".terraform",
})  # fmt: skip
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a]")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class Source:
    """A file to scan. ``path`` None is standard input."""

    name: str
    path: Path | None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and its place; lines and columns from 1, ``start`` and ``end`` in characters from 0."""

    file: str
    where: str  # in which part of a document, e.g. page 3; "" for a text
    line: int
    column: int
    end_line: int
    end_column: int
    start: int
    end: int
    detector: str
    category: str
    severity: str
    score: float
    action: str = ""  # what the policy would do about it


@dataclass(slots=True)
class Scanner:
    """Scans sources one after the other, and remembers what could not be looked at."""

    engine: Engine
    limits: FileLimits
    direction: str = "request"
    policy: Policy | None = None
    chars: int = 0
    incomplete: list[tuple[str, str]] = field(default_factory=list)  # file, why
    verdicts: dict[str, tuple[Action, str]] = field(default_factory=dict)  # by file: the strongest action, its rule

    def scan(self, source: Source, stdin: IO[bytes], read: Callable[[int], None]) -> Iterator[Located]:
        """Findings of one source, from its beginning to its end. ``read`` is told how many bytes were read.

        Raises OSError for a file that can't be read. What can't be understood is noted in ``incomplete``.
        """
        if source.path is None:
            yield from self._scan(source.name, stdin, read)
            return
        with source.path.open("rb") as file:
            yield from self._scan(source.name, file, read)

    def _scan(self, name: str, file: IO[bytes], read: Callable[[int], None]) -> Iterator[Located]:
        head = _fill(file, HEAD_BYTES)
        encoding = _encoding(head)
        if encoding:
            raw = _Told(head, file, read)
            text = io.TextIOWrapper(io.BufferedReader(raw, 1 << 18), encoding, errors="replace", newline="")
            yield from self._texts(name, "", iter(lambda: text.read(WINDOW_CHARS), ""))
            return
        data = head + _fill(file, self.limits.bytes_max + 1 - len(head))
        read(len(data))
        if len(data) > self.limits.bytes_max:
            self._missed(name, f"larger than dlp.files.bytes_max ({self.limits.bytes_max >> 20} MiB)")
            return
        from weir.dlp.files import read_file

        made = read_file(data, name=name, limits=self.limits)
        if not made.complete:
            told = made.reason.removeprefix("file").removeprefix(": ")
            self._missed(name, told or f"weir can't read what this kind of file holds ({made.kind or 'unknown'})")
        for part in made.texts:
            pieces = (part.text[at : at + WINDOW_CHARS] for at in range(0, len(part.text), WINDOW_CHARS))
            yield from self._texts(name, part.where, pieces)

    def _missed(self, name: str, reason: str) -> None:
        if (name, reason) not in self.incomplete:
            self.incomplete.append((name, reason))

    def _texts(self, name: str, where: str, pieces: Iterator[str]) -> Iterator[Located]:
        """Scan one text that comes in pieces. Windows overlap, and each finding is taken from one of them."""
        held, after = "", next(pieces, "")
        base, taken, place = 0, 0, _Place()
        while after:
            window, after = held + after, next(pieces, "")
            until = len(window) if not after else _line_start(window, len(window) - TAIL_CHARS + CONTEXT_CHARS)
            findings = self._findings(name, where, window)
            lines = _Lines(window if findings else "", place)
            for found, action in findings:
                if taken <= base + found.start < base + until:
                    yield _located(name, where, base, lines, found, action)
            taken = base + until
            keep = _line_start(window, until - CONTEXT_CHARS) if after else len(window)
            place = place.after(window[:keep])
            held, base = window[keep:], base + keep
        self.chars += base

    def _findings(self, name: str, where: str, window: str) -> list[tuple[Finding, str]]:
        # A text is taken for a message, what stands in a document for a file sent with one: that can't be edited.
        pointer = f"#file/0/{where}" if where else "/messages/0/content"
        segments = (Segment(pointer, "user" if self.direction == "request" else "assistant", window),)
        scan = self.engine.scan(segments, self.direction)
        if not scan.complete:
            self._missed(name, scan.reason)
        if self.policy is None:
            return [(found, "") for found in scan.findings]
        treatments = self._decide(name, segments, scan.findings)
        return [(found, action.word) for found, action in zip(scan.findings, treatments, strict=True)]

    def _decide(self, name: str, segments: Sequence[Segment], findings: Sequence[Finding]) -> Sequence[Action]:
        from weir.model import Endpoint, Principal, Service, Status
        from weir.policy.case import Case

        assert self.policy is not None
        # Somebody known, at a service that is allowed: what is left to decide on are the findings.
        case = Case(
            principal=Principal(method="virtual_key"),
            service=Service("scan", "weir scan", status=Status.SANCTIONED),
            endpoint=Endpoint("scan", "", "chat"),
            is_ai=True,
            findings=findings,
            segments=segments,
            credential="virtual",
            direction=self.direction,
        )
        verdict = self.policy.decide(case)
        before = self.verdicts.get(name)
        if before is None or verdict.action > before[0]:
            self.verdicts[name] = (verdict.action, verdict.rule_id)
        return verdict.treatments


@dataclass(frozen=True, slots=True)
class _Place:
    """Lines and columns that stand before a window."""

    lines: int = 0
    columns: int = 0

    def after(self, text: str) -> _Place:
        breaks = text.count("\n")
        return _Place(self.lines + breaks, len(text) - text.rfind("\n") - 1 + (0 if breaks else self.columns))


class _Lines:
    """Where the lines of a window begin."""

    def __init__(self, window: str, place: _Place) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", window))]
        self._place = place

    def of(self, at: int) -> tuple[int, int]:
        """Line and column of an offset."""
        number = bisect_right(self._starts, at) - 1
        column = at - self._starts[number] + (self._place.columns if number == 0 else 0)
        return self._place.lines + number + 1, column + 1


def _located(name: str, where: str, base: int, lines: _Lines, found: Finding, action: str) -> Located:
    line, column = lines.of(found.start)
    end_line, end_column = lines.of(found.end)
    return Located(
        name, where, line, column, end_line, end_column, base + found.start, base + found.end, found.detector,
        found.category, found.severity, found.score, action,
    )  # fmt: skip


def _line_start(text: str, near: int) -> int:
    """Where the last line before ``near`` starts, or ``near`` where lines are that long."""
    if near <= 0:
        return 0
    start = text.rfind("\n", max(0, near - CONTEXT_CHARS // 2), near) + 1
    return start or near


class _Told(io.RawIOBase):
    """The bytes already read and the rest of a file, one after the other."""

    def __init__(self, head: bytes, file: IO[bytes], read: Callable[[int], None]) -> None:
        self._head = io.BytesIO(head)
        self._file = file
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._head.read(len(buffer)) or self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._read(len(data))
        return len(data)


def _fill(file: IO[bytes], size: int) -> bytes:
    """Up to ``size`` bytes: a pipe gives less at a time."""
    parts: list[bytes] = []
    while size > 0 and (data := file.read(min(size, 1 << 20))):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def _encoding(head: bytes) -> str:
    """The encoding of a text that begins like this; empty for what is no plain text."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    from weir.dlp.files.kinds import detect

    kind = detect(head)
    if kind in ("pdf", "rtf") or _CONTROL.search(head):
        return ""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(head) < HEAD_BYTES or error.start < len(head) - 4:  # else only cut in mid-character
            return "" if kind else "cp1252"
    return "utf-8"  # whatever it begins with: a text may begin with FORM, too


def sources(names: Sequence[str], skip: Sequence[str], unreadable: Callable[[str, OSError], None]) -> Iterator[Source]:
    """What ``names`` stand for: files, ``-``, and all regular files below directories but those nobody means.

    ``skip`` are patterns of names and paths to leave out below directories; ``unreadable`` is told what can't be read.
    """
    from fnmatch import fnmatchcase

    def left_out(path: Path) -> bool:
        return any(fnmatchcase(path.name, pattern) or fnmatchcase(str(path), pattern) for pattern in skip)

    for name in names:
        path = Path(name)
        if name == "-":
            yield Source("-", None)
        elif not path.is_dir():
            yield Source(name, path, _size(path))
        else:
            for folder, below, files in path.walk(on_error=lambda error: unreadable(str(error.filename), error)):
                below[:] = sorted(d for d in below if d not in _SKIPPED and not left_out(folder / d))
                for file in sorted(files):
                    if (folder / file).is_file() and not left_out(folder / file):
                        yield Source(str(folder / file), folder / file, _size(folder / file))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # told when it is opened
