"""The register of planted secrets, and the search for them in everything weir wrote.

A canary is looked for as it is and in the shapes in which it slips out unnoticed: base64, percent-encoded, JSON
escaped, hex, and inside gzip or zstd files (Parquet compresses its pages, so those are read through DuckDB).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hyperscan
import zstandard

__all__ = ["CANARIES", "Canaries", "assert_no_canaries"]

_SHORTEST = 8  # a shorter "secret" would be found by chance
_PIECE = 64 * 1024
_FILE_BYTES_MAX = 512 * 1024 * 1024


class Canaries:
    """Planted values and what each is called in a message: the value itself never stands in one."""

    def __init__(self) -> None:
        self._planted: dict[str, str] = {}

    def plant(self, value: str, what: str) -> str:
        """Register ``value`` and hand it back; it keeps the first name it was given.

        ValueError when it is too short to be looked for.
        """
        if len(value) < _SHORTEST:
            raise ValueError(f"a canary needs {_SHORTEST} characters or more: {what}")
        self._planted.setdefault(value, what)
        return value

    def __len__(self) -> int:
        return len(self._planted)

    def forms(self) -> dict[bytes, str]:
        """Every byte string to look for, and what it would mean to find it."""
        found: dict[bytes, str] = {}
        for value, what in self._planted.items():
            raw = value.encode()
            found[raw] = what
            found[quote(value, safe="").encode()] = f"{what}, percent-encoded"
            found[json.dumps(value)[1:-1].encode()] = f"{what}, as JSON"
            found[raw.hex().encode()] = f"{what}, in hex"
            for shift in range(3):  # base64 of a text that holds the value depends on where in it the value stands
                inner = base64.b64encode(b"\0" * shift + raw)
                found[inner[4 if shift else 0 : -4].rstrip(b"=")] = f"{what}, in base64"
        return {form: what for form, what in found.items() if len(form) >= _SHORTEST}

    def save(self, path: Path) -> None:
        """Hand the register to another process (0600): workers of a parallel run each plant their own."""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._planted, file)

    def load(self, path: Path) -> None:
        """Take in a register that ``save`` wrote."""
        self._planted.update(json.loads(path.read_text()))


CANARIES = Canaries()


class _Search:
    """All forms in one pass. Content that was searched before is not searched again: proxies write much alike."""

    def __init__(self, forms: dict[bytes, str]) -> None:
        self._said = list(forms.values())
        self._known: dict[bytes, list[str]] = {}
        self._database = hyperscan.Database()
        if forms:
            self._database.compile(
                expressions=[b"".join(b"\\x%02x" % byte for byte in form) for form in forms],
                ids=list(range(len(forms))),
                elements=len(forms),
                flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(forms),
            )
            self._scratch = hyperscan.Scratch(self._database)

    def found(self, data: bytes) -> list[str]:
        """What it means that ``data`` holds what it holds; empty for nothing."""
        if not self._said or not data:
            return []
        digest = hashlib.sha256(data).digest()
        known = self._known.get(digest)
        if known is None:
            seen: set[int] = set()
            self._database.scan(
                data,
                match_event_handler=lambda number, *_: seen.add(number),  # None: go on
                scratch=self._scratch,
            )
            known = self._known[digest] = sorted({self._said[number] for number in seen})
        return known


class _Rows:
    """Reads Parquet files; the library is loaded when there is one."""

    def __init__(self) -> None:
        self._connection: Any = None

    def read(self, path: Path) -> bytes:
        """All rows, one a line."""
        if self._connection is None:
            import duckdb

            self._connection = duckdb.connect()
        found = self._connection.execute("select * from read_parquet(?)", [str(path)]).fetchall()
        return "\n".join(map(str, found)).encode()


def _unpacked(data: bytes) -> bytes:
    """What gzip packed, as far as it can be read: random bytes, such as a key's, may begin as a packed file does."""
    reader, made = zlib.decompressobj(47), bytearray()
    for start in range(0, len(data), _PIECE):
        try:
            made += reader.decompress(data[start : start + _PIECE], _FILE_BYTES_MAX - len(made))
        except zlib.error:
            break
        if reader.eof or len(made) >= _FILE_BYTES_MAX:
            break
    return bytes(made)


def _contents(path: Path, rows: _Rows) -> Iterator[tuple[str, bytes]]:
    data = path.read_bytes()
    yield "", data
    if data[:3] == b"\x1f\x8b\x08":
        yield " (unpacked)", _unpacked(data)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        yield " (unpacked)", zstandard.ZstdDecompressor().decompressobj().decompress(data)
    elif data[:4] == data[-4:] == b"PAR1":  # of one that was never finished nobody can read the rows
        yield " (rows)", rows.read(path)


def assert_no_canaries(paths: Iterable[Path], canaries: Canaries = CANARIES) -> int:
    """Fail with what was found where (never the value) if a planted value stands in a file under ``paths``.

    Returns how many files were read, so that a caller can see that there was something to read.
    """
    search, rows = _Search(canaries.forms()), _Rows()
    files = 0
    hits: list[str] = []
    for top in paths:
        for path in sorted([top] if top.is_file() else (path for path in top.rglob("*") if path.is_file())):
            try:
                for form, data in _contents(path, rows):
                    hits += [f"{path}{form}: {what}" for what in search.found(data)]
            except FileNotFoundError:  # weir is still at work, and has done with it
                continue
            files += 1
    assert not hits, "planted secrets were written:\n" + "\n".join(hits)
    return files
