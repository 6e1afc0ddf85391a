"""Server-sent events as bytes: where each event ends, what it says, and how to change only its data.

The framing is exact: the raw bytes of all frames, put together, are the stream. It does not depend on how the stream
was cut into chunks. Line ends may be LF, CRLF or CR, mixed at will, as the WHATWG specification allows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["FRAME_BYTES_MAX", "Frame", "Framer", "event_bytes", "with_data", "with_others"]

# The last event of a long reply repeats all of it, tools and instructions included.
FRAME_BYTES_MAX: Final = 8 * 1024 * 1024

_EOL = rb"(?>\r\n|\r|\n)"
_END = re.compile(_EOL + _EOL)
_LINE = re.compile(rb"([^\r\n]*)(" + _EOL + rb"|\Z)")
_BOM = b"\xef\xbb\xbf"


class Frame(NamedTuple):
    """One event: its raw bytes with the blank line that ends it, its name, and its data lines joined by LF.

    ``data`` is None when the frame has no data (a comment, a lone id) or is too large to be read.
    """

    raw: bytes
    event: str
    data: bytes | None
    oversize: bool = False


def _read(raw: bytes) -> Frame:
    event = b""
    data: list[bytes] = []
    plain = raw.removeprefix(_BOM)
    for line in plain.split(b"\n") if b"\r" not in plain else [match[1] for match in _LINE.finditer(plain)]:
        if line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            event = line[6:].removeprefix(b" ")
        elif line == b"data":
            data.append(b"")
    return Frame(raw, event.decode("utf-8", "replace"), b"\n".join(data) if data else None)


def with_data(frame: Frame, data: bytes) -> bytes:
    """The bytes of ``frame`` with its data replaced; names, ids, comments and line ends stay as they were.

    ``data`` may hold line ends (a JSON document may have some between its tokens): each line gets its own field.
    """
    lines = data.splitlines()
    out: list[bytes] = []
    bom = _BOM if frame.raw.startswith(_BOM) else b""
    for match in _LINE.finditer(frame.raw, len(bom)):
        line, end = match[1], match[2]
        if not (line.startswith(b"data:") or line == b"data"):
            out.append(match[0])
            continue
        head = b"data: " if line.startswith(b"data: ") else b"data:"
        # A line without its end is the stream's last; only the lines before it need one.
        out.append((end or b"\n").join(head + new for new in lines) + (end if lines else b""))
        lines = []
    return bom + b"".join(out)


def with_others(raw: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """``raw`` with ``change`` done to every line that holds no data; the same object when that changes nothing."""
    out: list[bytes] = []
    same = True
    for match in _LINE.finditer(raw):
        line = match[1]
        kept = not line or line.startswith((b"data:", _BOM)) or line == b"data"
        new = line if kept else change(line)
        same = same and new is line
        out += (new, match[2])
    return raw if same else b"".join(out)


def event_bytes(data: bytes, event: str = "") -> bytes:
    """A whole event with ``data``, which must be one line, and a name if it has one."""
    name = b"event: " + event.encode() + b"\n" if event else b""
    return name + b"data: " + data + b"\n\n"


class Framer:
    """Cuts a byte stream into frames. Holds at most ``limit`` bytes; a larger frame goes on unread in pieces."""

    def __init__(self, limit: int = FRAME_BYTES_MAX) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._oversize = False

    @property
    def held(self) -> int:
        """Bytes of a frame that is not yet complete."""
        return len(self._buffer)

    @property
    def between(self) -> bool:
        """True when a frame begins with the next byte."""
        return not self._buffer and not self._oversize

    @property
    def oversize(self) -> bool:
        """True when the frame at hand is too large, and goes on unread."""
        return self._oversize

    def hand_back(self) -> bytes:
        """What is held, to be fed again with what follows it."""
        held = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return held

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes."""
        quick = self._quick(data)
        if quick is not None:
            return quick
        self._buffer += data
        frames: list[Frame] = []
        start = 0
        while (end := self._frame_end(start)) > 0:
            frames.append(self._frame(bytes(self._buffer[start:end])))
            start = end
        if start:
            del self._buffer[:start]
            self._scanned = 0
        if len(self._buffer) > self._limit:
            frames.append(self._overflow())
        else:
            # An end may begin in what was scanned: at most CR LF CR of it.
            self._scanned = max(0, len(self._buffer) - 3)
        return frames

    def _quick(self, data: bytes) -> list[Frame] | None:
        """The frames of ``data`` as nearly all servers write them: LF alone, one blank line, nothing held before."""
        if self._buffer or self._oversize or b"\r" in data or b"\n\n\n" in data or data.startswith(b"\n"):
            return None
        *whole, rest = data.split(b"\n\n")
        if len(rest) > self._limit:
            return None
        self._buffer += rest
        self._scanned = max(0, len(rest) - 3)
        return [self._frame(raw + b"\n\n") for raw in whole]

    def close(self) -> list[Frame]:
        """The stream has ended: what stands unfinished is a frame too, as some servers omit the last blank line."""
        raw = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return [self._frame(raw)] if raw else []

    def _frame_end(self, start: int) -> int:
        """Where the frame at ``start`` ends; 0 when that isn't known yet."""
        buffer = self._buffer
        size = len(buffer)
        if start >= size:
            return 0
        if buffer[start] in b"\r\n" and not self._oversize:
            # A blank line more than needed: a frame of its own, without content.
            end = start + (2 if buffer[start : start + 2] == b"\r\n" else 1)
        else:
            match = _END.search(buffer, max(start, self._scanned))
            if match is None:
                return 0
            end = match.end()
        # A CR at the end of what has come may be half of a CR LF.
        return 0 if end == size and buffer[end - 1] == 0x0D else end

    def _frame(self, raw: bytes) -> Frame:
        if self._oversize or len(raw) > self._limit:
            self._oversize = False
            return Frame(raw, "", None, oversize=True)
        return _read(raw)

    def _overflow(self) -> Frame:
        # Line ends at the end are kept: they may be half of the blank line that ends this frame.
        keep = len(self._buffer) - len(self._buffer.rstrip(b"\r\n"))
        raw = bytes(self._buffer[: len(self._buffer) - keep])
        del self._buffer[: len(raw)]
        self._scanned = 0
        self._oversize = True
        return Frame(raw, "", None, oversize=True)
