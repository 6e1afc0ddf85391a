"""Rows as the tree sees them: out of the spool with their text hashed anew, or out of the store by their hashes alone.

Nothing here judges: a line that can't be read is a leaf with a ``problem``, and goes on to ``examine.py``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.audit.spool.lines import BadLine, read_line, unseal
from weir.audit.spool.opened import open_segment

__all__ = ["Leaf", "from_lines", "from_rows", "from_spool", "written_at"]

_HASH = re.compile(r"[0-9a-f]{64}")
_SEQ = re.compile(rb'\{"proxy_id":"[^"\\]*","boot_id":"[^"\\]*","seq":([1-9][0-9]{0,18})[,}]')
_TAIL = re.compile(rb',"prev_hash":"([0-9a-f]{64})","row_hash":"([0-9a-f]{64})"\}\n\Z')
_TAIL_LENGTH = len(b',"prev_hash":"","row_hash":""}\n') + 128
_V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row. ``fits``: whether its text has the hash it claims, None where there is no text to hash."""

    file: str
    line: int
    seq: int | None
    prev_hash: str
    row_hash: str
    fits: bool | None = None
    ours: bool = True  # it belongs to the chain it stands in
    at: int | None = None  # µs since the epoch: when it was written, as its own text tells
    problem: str = ""
    end: int = 0  # the byte after it in its file


def from_spool(chain: str, paths: Iterable[Path], quick: int = 0) -> Iterator[Leaf]:
    """The rows of a chain's segments in the order of the files. Raises OSError.

    A last line without a newline at the very end is no row: it was never acknowledged. ``quick``: up to which seq only
    the hashes are wanted, which is several times as fast (``fits`` and ``at`` are None there).
    """
    files = list(paths)
    for path in files:
        with open_segment(path) as file:
            yield from from_lines(chain, path.name, file, torn=path == files[-1], quick=quick)


def from_lines(chain: str, name: str, lines: Iterable[bytes], *, torn: bool = False, quick: int = 0) -> Iterator[Leaf]:
    """The rows of one file. ``torn``: its last line may lack a newline, and is left out then; ``quick``: see above."""
    end = 0
    for number, line in enumerate(lines, 1):
        end += len(line)
        if torn and not line.endswith(b"\n"):
            return
        if quick:
            found, tail = _SEQ.match(line), _TAIL.search(line, max(0, len(line) - _TAIL_LENGTH))
            if found and tail and int(found[1]) <= quick:
                yield Leaf(name, number, int(found[1]), tail[1].decode(), tail[2].decode(), end=end)
                continue
        try:
            body, prev_hash, row_hash = unseal(line)
            doc = read_line(body)
        except BadLine as problem:
            yield Leaf(name, number, None, "", "", problem=str(problem), end=end)
            continue
        seq = doc.get("seq")
        if type(seq) is not int or seq < 1:
            yield Leaf(name, number, None, prev_hash, row_hash, problem="it has no seq", end=end)
            continue
        fits = line.endswith(b"\n") and hashlib.sha256(prev_hash.encode() + body).hexdigest() == row_hash
        ours = f"{doc.get('proxy_id')}-{doc.get('boot_id')}" == chain
        yield Leaf(name, number, seq, prev_hash, row_hash, fits, ours, written_at(doc), end=end)


def from_rows(name: str, rows: Iterable[tuple[Any, Any, Any]]) -> Iterator[Leaf]:
    """Rows of the store as (seq, prev_hash, row_hash), ordered by seq: their text is not hashed."""
    for number, (seq, prev_hash, row_hash) in enumerate(rows, 1):
        known = type(seq) is int and seq > 0
        if known and all(isinstance(item, str) and _HASH.fullmatch(item) for item in (prev_hash, row_hash)):
            yield Leaf(name, number, seq, prev_hash, row_hash)
        else:
            yield Leaf(name, number, None, "", "", problem="it has no seq, or no hashes")


def written_at(doc: dict[str, Any]) -> int | None:
    """When a row was written, µs since the epoch; None when it doesn't tell.

    ``ts`` is when an exchange began, which may be an hour before its reply was written. The event's id was made with
    the row and has the millisecond in it.
    """
    event_id = doc.get("event_id")
    if isinstance(event_id, str) and _V7.fullmatch(event_id):
        return int(event_id[:8] + event_id[9:13], 16) * 1_000
    ended = doc.get("ts_end")
    return ended if type(ended) is int else None
