"""The files of encrypted entries: their names, which of them are still written to, and what stands in them."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from weir.audit.content.entries import Buffer, Frame, Head, frames, heads, payload_at

__all__ = [
    "SUFFIX",
    "SegmentFile",
    "begun_ms",
    "claimed",
    "listed",
    "name_of",
    "opened",
    "pick",
    "release",
    "walk",
    "walk_heads",
]

SUFFIX = ".content"
_BLOCKS = 64 * 1024  # that a file may hold beyond its length without being a reserve


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A segment by its name: when it was begun (milliseconds since the epoch)."""

    path: Path
    begun_ms: int

    def period(self, slack_ms: int = 3_600_000) -> tuple[int, int]:
        """From when to when (milliseconds) the ids of its events were most likely made, as far as clocks are right."""
        try:
            ended_ms = self.path.stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return 0, -1
        return self.begun_ms - slack_ms, ended_ms + slack_ms


def name_of(begun_ms: int, writer: str, number: int) -> str:
    """The name of a writer's segment; names sort by when they were begun."""
    return f"{begun_ms:012x}-{writer}-{number:06d}{SUFFIX}"


def begun_ms(path: Path) -> int | None:
    """When a segment was begun, by its name (milliseconds since the epoch); None for a name that is not ours."""
    try:
        return int(path.name.partition("-")[0], 16) if path.suffix == SUFFIX else None
    except ValueError:
        return None


def listed(directory: Path) -> list[SegmentFile]:
    """The segments of a directory, oldest first; none when there is no directory."""
    found = []
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        begun = begun_ms(path)
        if begun is not None:
            found.append(SegmentFile(path, begun))
    return found


@contextmanager
def opened(path: Path) -> Iterator[Buffer]:
    """The bytes of a segment, mapped; those that came later are not among them. Raises OSError."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def walk(path: Path) -> Iterator[Frame]:
    """Every frame of a segment; none when it was removed meanwhile. Raises OSError."""
    with suppress(FileNotFoundError), opened(path) as data:
        yield from frames(data)


def walk_heads(path: Path) -> Iterator[Head | None]:
    """The head of every entry of a segment, without reading the texts; None for damage. Raises OSError."""
    with suppress(FileNotFoundError), opened(path) as data:
        for _, head in heads(data):
            yield head


def pick(path: Path, wanted: Callable[[Head], bool]) -> Iterator[bytes]:
    """The entries of a segment whose heads are ``wanted``, without reading the others. Raises OSError."""
    with suppress(FileNotFoundError), opened(path) as data:
        for at, head in heads(data):
            if head is not None and wanted(head):
                payload = payload_at(data, at)
                if payload is not None:
                    yield payload


@contextmanager
def claimed(path: Path) -> Iterator[int | None]:
    """The open segment while no writer holds it, or None when one does or it is gone."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield None
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield fd
    finally:
        os.close(fd)


def release(directory: Path) -> None:
    """Give back the space that segments of killed processes still hold in reserve. Raises OSError."""
    for segment in listed(directory):
        with claimed(segment.path) as fd:
            if fd is None:
                continue
            info = os.fstat(fd)
            if info.st_blocks * 512 > info.st_size + _BLOCKS:
                os.ftruncate(fd, info.st_size)
                os.utime(fd, ns=(info.st_atime_ns, info.st_mtime_ns))  # which tells when its last event was
