"""The segments of a spool and what is in them, whether they lie there as lines (``.jsonl``) or compressed
(``.jsonl.zst``): every reader of the spool goes through here.

A segment is called by the path of its plain form, whichever form it has: names, offsets and order stay the same when it
is compressed in between. Offsets count bytes of lines. While both forms exist, for a moment, the plain one counts.
"""

from __future__ import annotations

import io
import os
import re
from bisect import bisect_right
from pathlib import Path
from typing import BinaryIO, cast

from weir.audit.spool.frames import About, about_of, content, faults, table_of
from weir.datadir import held  # a segment, by its writer: as long as that lives, which never opens it again

__all__ = [
    "ZST",
    "about",
    "chain_name",
    "file_faults",
    "held",
    "number_of",
    "open_segment",
    "segments",
    "size",
    "stored",
    "whole_size",
]

ZST = ".zst"
_BUFFER = 256 << 10
_TAIL = 64 << 10
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*-[0-9]+\.jsonl(\.zst)?")


def chain_name(path: Path) -> str:
    """``<proxy_id>-<boot_id>`` of a segment: the files that share it hold one chain."""
    return path.name.removesuffix(ZST).removesuffix(".jsonl").rpartition("-")[0]


def number_of(path: Path) -> int:
    """Which of its chain's segments it is, from 1."""
    return int(path.name.removesuffix(ZST).removesuffix(".jsonl").rpartition("-")[2])


def segments(directory: Path) -> dict[str, list[Path]]:
    """The segments of a spool by chain, each in the order they were written; paths of their plain form (see above)."""
    plain = {
        path.with_name(path.name.removesuffix(ZST)) for path in directory.glob("*.jsonl*") if _NAME.fullmatch(path.name)
    }
    found: dict[str, list[Path]] = {}
    for path in sorted(plain):
        found.setdefault(chain_name(path), []).append(path)
    return found


def stored(path: Path) -> Path:
    """The file that holds a segment at present. The plain path when there is neither."""
    packed = path.with_name(path.name + ZST)
    return packed if not path.exists() and packed.exists() else path


def open_segment(path: Path) -> BinaryIO:
    """A segment's lines as a binary file that can seek, whatever its form; the path as ``segments`` gives it.

    Of a compressed one only those frames are read that are asked for; a damaged frame reads as one line that is no
    JSON. Raises OSError, FileNotFoundError when the segment is gone in both forms.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        packed = path.with_name(path.name + ZST).open("rb")
    try:
        return cast(BinaryIO, io.BufferedReader(_Lines(packed), _BUFFER))
    except BaseException:
        packed.close()
        raise


def size(path: Path) -> int:
    """Bytes of lines that a segment has, without reading them. Raises OSError."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        with path.with_name(path.name + ZST).open("rb") as file:
            frames = table_of(file)
        return frames[-1].begins + frames[-1].length if frames else 0


def whole_size(path: Path) -> int:
    """Bytes of a segment up to the end of its last whole line: one that broke off was never acknowledged, and is never
    read. Raises OSError."""
    with open_segment(path) as file:
        at = file.seek(0, os.SEEK_END)
        while at > 0:
            step = min(_TAIL, at)
            at = file.seek(at - step)
            end = file.read(step).rfind(b"\n")
            if end >= 0:
                return at + end + 1
    return 0


def about(path: Path) -> About | None:
    """What a compressed segment says of its rows, from its last bytes; None when it is plain, or damaged there.

    Good for a quick look. Whether it is true is for ``file_faults``. Raises OSError.
    """
    if path.exists():
        return None
    with path.with_name(path.name + ZST).open("rb") as file:
        return about_of(file)


def file_faults(path: Path) -> list[str]:
    """What is wrong with a compressed segment as a file, down to a single changed byte; nothing for a plain one, whose
    bytes are all lines. Reads all of it. Raises OSError."""
    if path.exists():
        return []
    with path.with_name(path.name + ZST).open("rb") as file:
        return faults(file)


class _Lines(io.RawIOBase):
    """The lines of a compressed segment, a frame at a time."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._frames = table_of(file)
        self._begins = [frame.begins for frame in self._frames]
        self._end = self._frames[-1].begins + self._frames[-1].length if self._frames else 0
        self._at = 0
        self._held, self._block = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._at >= self._end:
            return 0
        held = bisect_right(self._begins, self._at) - 1
        if held != self._held:
            self._block = content(self._file, self._frames[held])
            self._held = held
        at = self._at - self._frames[held].begins
        piece = self._block[at : at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()
