"""Reads the table that fingerprints are made of: CSV in any usual form, plain or gzipped, however large.

A line that can't be read is counted and told by its number, never quoted.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weir.fields import nearest

__all__ = ["Table", "TableError"]

CELL_CHARS_MAX = 1 << 17
BAD_LINES_KEPT = 5
_DELIMITERS = ",;\t|"
_LOOK = 1 << 16  # bytes that the encoding is told by


class TableError(ValueError):
    """A table that can't be used: ``FILE: what is wrong; what to do``. Quotes no cell, only names of columns."""


@dataclass(slots=True)
class Table:
    """A table. ``rows`` reads it once.

    A column may be made of several: ``first_name+last_name`` is both with a blank between them, where neither is empty.
    """

    path: Path
    columns: tuple[str, ...]  # as asked for
    encoding: str = ""
    delimiter: str = ""
    lines: int = 0  # read so far, the header included
    bad: int = 0
    bad_lines: list[int] = field(default_factory=list)  # the numbers of the first of them

    def rows(self, progress: Callable[[int, int], None] | None = None) -> Iterator[tuple[str, ...]]:
        """The cells of ``columns``, row by row. ``progress`` is told bytes read and bytes there are.

        Raises TableError for a table without these columns, and OSError.
        """
        with self.path.open("rb") as raw:
            size = raw.seek(0, io.SEEK_END)
            raw.seek(0)
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            opened = gzip.GzipFile(fileobj=raw) if packed else raw
            try:
                yield from self._rows(opened, lambda: progress(raw.tell(), size) if progress else None)
            except (EOFError, gzip.BadGzipFile, OSError) as error:
                if isinstance(error, OSError) and error.errno:
                    raise
                raise TableError(f"{self.path}: the gzip file is damaged; make it again") from None

    def _rows(self, opened: io.BufferedReader | gzip.GzipFile, told: Callable[[], None]) -> Iterator[tuple[str, ...]]:
        self.encoding = _encoding(opened.read(_LOOK))
        opened.seek(0)
        text = io.TextIOWrapper(opened, self.encoding, errors="replace", newline="")
        csv.field_size_limit(CELL_CHARS_MAX)
        first = text.readline(CELL_CHARS_MAX)
        if not first.strip():
            raise TableError(f"{self.path}: has no header; write the columns' names into the first line")
        self.delimiter = max(_DELIMITERS, key=first.count)
        header = [name.strip() for name in next(csv.reader([first], delimiter=self.delimiter))]
        self.lines = 1
        picked = [self._indexes(header, column) for column in self.columns]
        reader = csv.reader(text, delimiter=self.delimiter)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error:
                self._bad(1 + reader.line_num)
                continue
            self.lines = 1 + reader.line_num
            if self.lines & 0xFFF == 0:
                told()
            if len(row) != len(header):
                if row:  # an empty line is none
                    self._bad(self.lines)
                continue
            cells = tuple([row[one[0]] if len(one) == 1 else _together(row, one) for one in picked])
            if "\ufffd" in "".join(cells):
                self._bad(self.lines)
                continue
            yield cells

    def _bad(self, line: int) -> None:
        self.bad += 1
        if len(self.bad_lines) < BAD_LINES_KEPT:
            self.bad_lines.append(line)

    def _indexes(self, header: Sequence[str], column: str) -> tuple[int, ...]:
        parts = [column] if column in header else column.split("+")
        return tuple(self._index(header, part.strip()) for part in parts)

    def _index(self, header: Sequence[str], column: str) -> int:
        found = [index for index, name in enumerate(header) if name == column]
        if not found:
            folded = [index for index, name in enumerate(header) if name.casefold() == column.casefold()]
            found = folded if len(folded) == 1 else []
        if len(found) == 1:
            return found[0]
        if found:
            raise TableError(f"{self.path}:1: {len(found)} columns are called {column}; give each a name of its own")
        guess = nearest(column, header)
        there = f"write {guess}" if guess else f"there are {', '.join(header[:20])}"
        raise TableError(f"{self.path}:1: no column is called {column}; {there}")


def _together(row: Sequence[str], indexes: Sequence[int]) -> str:
    cells = [row[index].strip() for index in indexes]
    return " ".join(cells) if all(cells) else ""


def _encoding(data: bytes) -> str:
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return name
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) < _LOOK or error.start < len(data) - 4:  # else only cut in the middle of a character
            return "cp1252"
    return "utf-8"
