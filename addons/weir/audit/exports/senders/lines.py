"""Lines of a format into a file, to stdout, to syslog, or to a web server of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from weir.audit.exports.formats import Format, lines
from weir.audit.exports.row import Row
from weir.audit.exports.senders.http import Http
from weir.audit.exports.senders.posting import Posting
from weir.audit.exports.senders.syslog import SyslogSender
from weir.audit.exports.senders.target import Gone, Refusals
from weir.audit.exports.syslog import message
from weir.audit.spool.segment import sync_directory

__all__ = ["BEGINNINGS", "File", "Stdout", "Syslog", "Web"]

BEGINNINGS = (b"CEF:0|weir|", b"LEEF:2.0|weir|", b'{"event_id":', b'{"@timestamp":', b'{"category_uid":')
_LINE_MAX = 4 << 20


class _Lines:
    """A format that is applied to rows."""

    def __init__(self, make: Format, version: str) -> None:
        self._make, self._version = make, version

    def _made(self, rows: Sequence[Row]) -> tuple[list[tuple[Row, bytes]], Refusals]:
        """Each line with its row, and the rows that cannot be formatted."""
        found: list[tuple[Row, bytes]] = []
        wrong: Refusals = []
        for at, row in enumerate(rows):
            try:
                found += ((row, line) for line in lines(self._make(row, self._version)))
            except Exception as error:  # noqa: BLE001  one row that cannot be formatted must not stop the others
                wrong.append((at, f"it cannot be formatted ({type(error).__name__})"))
        return found, wrong


class File(_Lines):
    """Appends to a file (0600), which others may rename or remove at any time: then it is made anew."""

    settle_s, settle_rows = 1.0, 5_000

    def __init__(self, path: Path, make: Format, version: str) -> None:
        super().__init__(make, version)
        self._path = path
        self._file: BinaryIO | None = None

    def deliver(self, rows: Sequence[Row]) -> Refusals:
        """As in ``Target``."""
        made, wrong = self._made(rows)
        file, view = self._opened(), memoryview(b"".join(line + b"\n" for _, line in made))
        while view:
            view = view[file.write(view) :]
        return wrong

    def settle(self) -> None:
        """Wait for the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """As in ``Target``."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _opened(self) -> BinaryIO:
        if self._file is not None and not _same(self._file, self._path):
            self.settle()
            self.close()
        if self._file is None:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(fd, "r+b", buffering=0)
            _mend(fd)
            sync_directory(self._path.absolute().parent)
        return self._file


class Stdout(_Lines):
    """Writes to a stream that somebody reads."""

    settle_s, settle_rows = 0.0, 1

    def __init__(self, stream: BinaryIO, make: Format, version: str) -> None:
        super().__init__(make, version)
        self._stream = stream

    def deliver(self, rows: Sequence[Row]) -> Refusals:
        """As in ``Target``. Raises Gone when nobody reads any more."""
        made, wrong = self._made(rows)
        try:
            self._stream.write(b"".join(line + b"\n" for _, line in made))
            self._stream.flush()
        except BrokenPipeError:
            raise Gone from None
        return wrong

    def settle(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """The stream is not ours."""


class Syslog(_Lines):
    """Messages of RFC 5424 with a line of the format inside."""

    settle_s, settle_rows = 5.0, 5_000

    def __init__(
        self, sender: SyslogSender, make: Format, version: str, *, host: str, tell: Callable[[str], None]
    ) -> None:
        super().__init__(make, version)
        self._sender, self._host, self._tell = sender, host, tell
        self._half = False

    def deliver(self, rows: Sequence[Row]) -> Refusals:
        """As in ``Target``."""
        made, wrong = self._made(rows)
        texts = ((row, line.decode("utf-8", "replace")) for row, line in made)
        self._sender.send(message(row, text, host=self._host, version=self._version) for row, text in texts)
        return wrong

    def settle(self) -> None:
        """End the connection in order: the only confirmation syslog has (see ``SyslogSender``)."""
        if not self._sender.confirm() and not self._half:
            self._half = True
            self._tell("the receiver leaves connections open: rows count as taken once its kernel has them")

    def close(self) -> None:
        """As in ``Target``."""
        self._sender.close()


class Web(_Lines, Posting):
    """Posts newline-delimited JSON (or texts)."""

    def __init__(self, http: Http, make: Format, version: str, kind: str = "application/x-ndjson") -> None:
        _Lines.__init__(self, make, version)
        Posting.__init__(self, http)
        self._kind = kind

    def _send(self, rows: Sequence[Row]) -> Refusals:
        made, wrong = self._made(rows)
        if made:
            self._http.post("", b"".join(line + b"\n" for _, line in made), self._kind).check()
        return wrong


def _same(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _mend(fd: int) -> None:
    """Cut off a line of weir's that broke off when the process before was killed: it comes again, whole. Behind
    anything else that does not end in a newline one is put, so that nothing is lost of a file that is not ours."""
    size = os.fstat(fd).st_size
    at = max(0, size - _LINE_MAX)
    rest = os.pread(fd, size - at, at)
    torn = rest[rest.rfind(b"\n") + 1 :]
    if not torn:
        return
    if any(torn.startswith(begin) or begin.startswith(torn) for begin in BEGINNINGS):
        os.ftruncate(fd, size - len(torn))
    else:
        os.write(fd, b"\n")
