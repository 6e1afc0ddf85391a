"""The log of a data directory as an examination uses it: read with a key one believes, beside what was published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from weir.audit.evidence.covered import log_of
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.keys import PUBLIC, first_key
from weir.audit.evidence.log import LogReport, lacking
from weir.audit.evidence.logfile import Place, read_log, read_on
from weir.audit.evidence.note import VerifierKey
from weir.datadir import DataDirError

__all__ = ["Signed", "notes_in"]


class Signed:
    """``log`` is what can be believed of it; empty where nothing was ever signed."""

    def __init__(self, data: Path, published: Sequence[Path] = (), key: VerifierKey | None = None) -> None:
        """``key``: the first public key, known from elsewhere; None: the one in the data directory."""
        self._data, self._published, self._key = data, published, key
        self._place = Place()
        self.own_key = key is None
        self.log = LogReport()

    @property
    def key_text(self) -> str:
        """The public key that was believed first; "" when there is none."""
        return self.log.keys[0].text if self.log.keys else ""

    def found(self) -> Iterator[Found]:
        """Read it; everything that is wrong with the log itself. Raises OSError."""
        key, path = self._key, log_of(self._data)
        public = self._data / "keys" / PUBLIC
        if key is None and public.exists():
            try:
                key = first_key(self._data / "keys")
            except DataDirError:
                yield Found(Wrong.FORGED, "", "it holds no public key of checkpoints", file=f"keys/{PUBLIC}")
                return
        there = path.exists() and path.stat().st_size > 0
        if key is None:
            if there or self._published:
                text = "there are checkpoints and no key to check them with: give the public key with --key"
                yield Found(Wrong.FORGED, "", text, file=f"keys/{PUBLIC}")
            return
        self.log = read_log(path, key, self._place)
        yield from self.log.found
        if self._published:
            before = len(self.log.found)
            lacking(self.log, _all_notes(self._published))
            yield from self.log.found[before:]
            if not self.log.published:
                text = "no checkpoint of this proxy is there: nothing here was held against it"
                yield Found(Wrong.CHECKPOINT_GONE, "", text, file=self._published[0].name)

    def again(self) -> None:
        """Take up what came to the log since. Raises OSError."""
        if self.log.key is not None:
            read_on(log_of(self._data), self.log, self._place)


def _all_notes(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        inside = (one for one in path.rglob("[!.]*") if one.is_file())  # not one that is just being written
        for file in sorted(inside) if path.is_dir() else [path]:
            yield from notes_in(file)


def notes_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """The notes of a file that was kept elsewhere: a note as it is, or lines of JSON with one in ``note`` each (a copy
    of the log, or what a syslog receiver wrote, whatever stands before the JSON). Raises OSError."""
    data = path.read_bytes()
    if b'{"' not in data:
        yield path.name, data
        return
    for number, line in enumerate(data.splitlines(), 1):
        at = line.find(b"{")
        try:
            yield f"{path.name}:{number}", orjson.loads(line[at:])["note"].encode()
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, UnicodeEncodeError):
            yield f"{path.name}:{number}", line
