"""What a log's format is to the reader: a way to recognise it, and SQL over its lines or a walk through its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

__all__ = ["COLUMNS", "Bad", "Format", "FormatError", "Row", "Sample", "Source"]

# What a format's SELECT may give, beside ``line``; what it leaves out is NULL in every row.
COLUMNS: Mapping[str, str] = {
    "ts": "TIMESTAMP",  # UTC; NULL: the line has none
    "url": "VARCHAR",  # any form of it: with or without scheme, host:port, host/path; gives host and path
    "host": "VARCHAR",  # goes before the URL's; a port, a final dot, brackets and case don't matter
    "path": "VARCHAR",  # goes before the URL's
    "user": "VARCHAR",
    "device": "VARCHAR",
    "department": "VARCHAR",
    "source": "VARCHAR",  # the client's address
    "action": "VARCHAR",  # 'blocked', or anything else: it was let pass
    "agent": "VARCHAR",  # User-Agent, whole
    "bytes_up": "BIGINT",
    "bytes_down": "BIGINT",
    "requests": "BIGINT",  # how many the line stands for; NULL is 1
    "bad": "VARCHAR",  # why the line can't be read (never its content), else NULL
}


class FormatError(ValueError):
    """A file can't be read in this format as a whole; the message says why, for people, without quoting the file."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a file, decompressed: what ``looks`` judges. ``lines`` are whole ones, at most 200, decoded."""

    head: bytes  # at most 64 KiB
    lines: tuple[str, ...]

    @property
    def filled(self) -> tuple[str, ...]:
        """The lines that aren't blank."""
        return tuple(line for line in self.lines if line.strip())


@dataclass(frozen=True, slots=True)
class Source:
    """What a format's SELECT is about: the beginning of its file, and the columns that the caller named.

    ``columns`` is what ``--column host=Domain`` says: ``{"host": "Domain"}``; only the csv format heeds it.
    """

    sample: Sample
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One request out of a recording; as ``COLUMNS``, with ``ts`` in µs since the epoch."""

    ts: int | None = None
    url: str = ""
    host: str = ""
    path: str = ""
    user: str = ""
    device: str = ""
    department: str = ""
    source: str = ""
    action: str = ""
    agent: str = ""
    bytes_up: int | None = None
    bytes_down: int | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """A line (or, of a recording, the entry of that number, from 1) that can't be read, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Format:
    """A format of logs. Exactly one of ``sql`` and ``rows`` is given.

    ``looks(sample)`` is how sure it is that a file is of this format, 0 to 1; 0.5 and more is a claim, and a claim that
    another format disputes is no answer. It must not raise on any bytes.

    ``sql(source)`` is a SELECT over the table ``lines`` (``line BIGINT``, the number of the line in its file from 1;
    ``text VARCHAR``, never NULL nor blank, without line end) with ``line`` and any of ``COLUMNS``. It must give a row
    for each line but those that hold no request (headers, comments), and must not raise whatever a line holds:
    TRY_CAST, not CAST. It may be used for many batches of one file. FormatError when the file has no usable header.

    ``rows(stream)`` walks through the decompressed bytes of a file that isn't lines (HAR, mitmproxy's flows).
    """

    name: str
    says: str  # what it is, for --help: "Squid access.log, native or combined"
    looks: Callable[[Sample], float]
    sql: Callable[[Source], str] | None = None
    rows: Callable[[BinaryIO], Iterator[Row | Bad]] | None = None
