"""Reading logs: lines into a database, hosts that matter out of it, all of one file grouped to who used what."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from weir.logs.engine import Engine
from weir.logs.format import Bad, Format, FormatError, Row, Source
from weir.logs.formats import formats as all_formats
from weir.logs.opening import Log
from weir.logs.recognise import recognise
from weir.logs.text import Text
from weir.logs.use import Use

__all__ = ["Asked", "Reading", "read"]

_ROWS = 20_000  # of a recording, put into the database at once

Whose = Callable[[str, str], str]


def _anybody(host: str, path: str) -> str:
    return host


def _none(host: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Asked:
    """What to read, and how.

    ``format`` is a name, ``auto`` to recognise it. ``columns`` is for the csv format. ``whose(host, path)`` names
    the service of a host whose uses are to be kept: asked once a host with the path ``""``, and once a path besides for
    hosts that are ``shared(host)``; where it says "" requests are counted only. ``since``: earlier lines are left out.
    ``start``: of a log of lines those that begin before that many unpacked bytes are left out. ``zone`` (IANA's name)
    is that of times without an offset; ``domains`` says which mail domain a Windows domain is, in small letters.
    ``progress(bytes)`` hears how much of the file is read.
    """

    format: str = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)
    whose: Whose = _anybody
    shared: Callable[[str], bool] = _none
    since: datetime | None = None
    start: int = 0
    zone: str = "UTC"
    domains: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, Format] = field(default_factory=all_formats)
    progress: Callable[[int], None] = lambda count: None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file came to. ``bad`` counts lines that couldn't be read by why, ``examples`` names the first few of each.

    ``digest`` is the SHA-256 of the unpacked bytes that were read, ``bytes`` how many they are, ``trouble`` why the
    file ended early or ``""``; ``start`` is the byte from which on lines were read.
    ``hosts`` and ``requests`` are of all readable lines, ``other_hosts`` and ``other_requests`` of those that were
    nobody's. ``lines`` is how many there were, blank ones not counted (of recordings, entries).
    """

    name: str
    format: str
    uses: tuple[Use, ...]
    lines: int
    requests: int
    hosts: int
    other_hosts: int
    other_requests: int
    bad: Mapping[str, int]
    examples: Mapping[str, tuple[int, ...]]
    digest: str
    trouble: str
    bytes: int = 0
    start: int = 0


def read(log: Log, asked: Asked, directory: Path | None = None) -> Reading:
    """Read one log to its end; ``directory`` is where temporary files may lie.

    Raises FormatError when the file isn't of the format asked for, or of none or several that can be recognised.
    """
    text = Text(log)
    if log.trouble and not text.sample.head:
        raise FormatError(log.trouble)
    if not text.sample.head:
        return Reading(log.name, "", (), 0, 0, 0, 0, 0, {}, {}, log.digest, "")
    format = _format(text, asked)
    with (
        tempfile.TemporaryDirectory(prefix="weir-logs-", dir=directory) as place,
        Engine(Path(place), asked.since, asked.zone, asked.domains) as engine,
    ):
        if format.sql is not None:
            select = format.sql(Source(text.sample, asked.columns))
            for batch in text.batches(asked.start):
                engine.add_lines(batch.data, batch.first, select)
                engine.keep(asked.whose, asked.shared)
                asked.progress(log.consumed)
        elif format.rows is not None and asked.start:
            raise FormatError("has grown, and a recording can't be read on; record into a new file")
        elif format.rows is not None:
            for rows, bad in _portions(format.rows(text.stream())):
                engine.add_rows(rows, bad)
                engine.keep(asked.whose, asked.shared)
                asked.progress(log.consumed)
        while log.read(1 << 20):  # what stands behind a recording is of the file's digest too
            pass
        uses = tuple(engine.uses())
        told = (*engine.counts(), engine.bad, engine.examples, log.digest, log.trouble, log.unpacked, asked.start)
        return Reading(log.name, format.name, uses, *told)


def _format(text: Text, asked: Asked) -> Format:
    if asked.format != "auto":
        return asked.formats[asked.format]
    if asked.columns:
        return asked.formats["csv"]
    return recognise(text.sample, asked.formats.values())


def _portions(entries: Iterator[Row | Bad]) -> Iterator[tuple[list[Row], list[Bad]]]:
    rows: list[Row] = []
    bad: list[Bad] = []
    for entry in entries:
        if isinstance(entry, Bad):
            bad.append(entry)
        else:
            rows.append(entry)
        if len(rows) + len(bad) >= _ROWS:
            yield rows, bad
            rows, bad = [], []
    if rows or bad:
        yield rows, bad
