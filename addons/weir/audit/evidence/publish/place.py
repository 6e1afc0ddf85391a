"""What every place can do: take the entries of the log, in order, and keep them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Protocol

from weir.audit.evidence.entries import parse_entry
from weir.audit.evidence.logfile import Place as Position
from weir.audit.evidence.logfile import notes_of
from weir.audit.evidence.note import parse_note

__all__ = ["Conflict", "Entry", "Place", "Unreachable", "entries"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unreachable(Exception):
    """A place can't be written to now. The message names no secret and nothing that a stranger sent."""


class Conflict(Exception):
    """The place holds another entry of this number: the log there and the log here are not the same."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log, as it is published."""

    proxy_id: str
    number: int
    ts: int  # µs since the epoch
    note: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """``<proxy_id>/<date>/<number>.checkpoint``: names sort in the order of the log."""
        day = (_EPOCH + timedelta(microseconds=self.ts)).strftime("%Y-%m-%d")
        return f"{self.proxy_id}/{day}/{self.number:012d}.checkpoint"


class Place(Protocol):
    """One place. Used by one thread."""

    def send(self, entries: Sequence[Entry]) -> None:
        """Keep these entries, durably; one that is there already is no error.

        Raises Unreachable (then all are sent again, later), Conflict (after all of them that could be kept are).
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def entries(log: Path, position: Position, count: int) -> list[Entry]:
    """The next entries of a log, ``count`` at most; ``position`` moves behind them. What is no entry is passed over:
    ``verify`` names it. Raises OSError."""
    return list(islice(_entries(log, position), count))


def _entries(log: Path, position: Position) -> Iterator[Entry]:
    for _, note in notes_of(log, [], position):
        made = parse_entry(parse_note(note).text)  # a line of the log holds one
        yield Entry(made.proxy_id, made.number, made.ts, note)
