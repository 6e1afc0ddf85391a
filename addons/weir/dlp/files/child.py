"""The reading process: takes files on its standard input, gives their texts on its standard output.

It holds no secrets (its environment is empty), may not use much memory, and ends when the process that asked is gone or
when one file takes too long. What it answers is data, never code: a reader that a file took over can lie, not act.
"""

from __future__ import annotations

import contextlib
import json
import signal
import struct
import sys
from typing import BinaryIO, Final

from weir.dlp.core.patterns import Deadline
from weir.dlp.files.job import FileLimits, FileText, FileTexts
from weir.dlp.files.read import read_here

__all__ = ["SIZE", "confine", "main", "packed", "serve", "unpacked"]

SIZE: Final = struct.Struct("<Q")
_MEMORY_MAX: Final = 3 << 30  # bytes of address space
_GRACE_S: Final = 1.0


def packed(result: FileTexts) -> bytes:
    """A result on its way between processes."""
    value = {
        "texts": [[text.where, text.text] for text in result.texts],
        "kind": result.kind,
        "complete": result.complete,
        "reason": result.reason,
        "failed": result.failed,
        "bytes_made": result.bytes_made,
    }
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def unpacked(data: bytes) -> FileTexts:
    """The result that ``data`` holds. Raises ValueError, TypeError or LookupError when it holds none."""
    value = json.loads(data.decode("utf-8", "replace"))
    return FileTexts(
        tuple(FileText(str(where), str(text)) for where, text in value["texts"]),
        str(value["kind"]),
        value["complete"] is True,
        str(value["reason"]),
        value["failed"] is not False,
        int(value["bytes_made"]),
    )


def confine() -> None:
    """Bound the memory of this process, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX, _MEMORY_MAX))
        # A crash must leave no copy of the file: with 0 Linux would still give one to a program that collects them.
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us; the end of our input ends us


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Read files until there are no more."""
    while head := _exactly(asked, SIZE.size):
        order = json.loads(_exactly(asked, SIZE.unpack(head)[0]))
        data = _exactly(asked, order["size"])
        seconds = float(order["seconds"])
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_S)  # native code can't be asked to stop, only ended
        limits = FileLimits(order["bytes_max"], order["depth_max"], order["members_max"])
        result = read_here(data, order["name"], order["media_type"], limits, Deadline(seconds), heavy=True)
        out = packed(result)
        del data, result
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(SIZE.pack(len(out)))
        answers.write(out)
        answers.flush()


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """``size`` bytes, or none when the other side is gone."""
    data = stream.read(size)
    return data if len(data) == size else b""


def main() -> None:
    """Serve until standard input ends."""
    confine()
    serve(sys.stdin.buffer, sys.stdout.buffer)
