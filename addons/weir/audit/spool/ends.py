"""The ends of a chain's files: with which seq each begins and ends, read from two lines a file however long it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from weir.audit.spool.lines import BadLine, read_line
from weir.audit.spool.opened import about, open_segment

__all__ = ["Break", "Ends", "ends"]

_BLOCK = 64 << 10


@dataclass(frozen=True, slots=True)
class Break:
    """Where the files of a chain don't follow each other."""

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Ends:
    """The last seq of a chain (0: no row yet) and its breaks."""

    last: int
    breaks: tuple[Break, ...]


def ends(paths: list[Path], last: int = 0) -> Ends:
    """What the first and last lines of a chain's segments, in their order, say. A torn last line does not count.

    ``last``: the seq before the first, where retention took the beginning. Of a compressed segment is believed what it
    says of itself. Raises OSError.
    """
    breaks = []
    for path in paths:
        try:
            found = _ends(path)
        except BadLine as problem:
            breaks.append(Break(path.name, f"its first or last line is broken: {problem}"))
            continue
        if found is None:
            continue
        begins, ends_at = found
        if begins != last + 1:
            breaks.append(Break(path.name, f"it begins with seq {begins}, seq {last + 1} was expected"))
        last = max(last, ends_at)
    return Ends(last, tuple(breaks))


def _ends(path: Path) -> tuple[int, int] | None:
    """First and last seq of a file; None when it has no whole line."""
    said = about(path)
    if said is not None and said.first is not None and said.last is not None:
        return said.first, said.last
    with open_segment(path) as file:
        first = file.readline()
        if not first.endswith(b"\n"):
            return None
        return _seq(first), _seq(_last_line(file))


def _last_line(file: BinaryIO) -> bytes:
    """The last line that ends in a newline; the file has one."""
    at = file.seek(0, os.SEEK_END)
    tail = b""
    while at > 0:
        step = min(_BLOCK, at)
        at = file.seek(at - step)
        tail = file.read(step) + tail
        end = tail.rfind(b"\n")
        start = tail.rfind(b"\n", 0, max(end, 0))
        if start >= 0:
            return tail[start + 1 : end + 1]
    return tail[: tail.rfind(b"\n") + 1]


def _seq(line: bytes) -> int:
    seq = read_line(line).get("seq")
    if type(seq) is not int:
        raise BadLine("it has no seq")
    return seq
