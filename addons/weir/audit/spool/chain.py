"""Reading a spool back: its records in order, and whether the hash chain of each boot is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.audit.spool.lines import GENESIS, BadLine, read_line, unseal
from weir.audit.spool.opened import chain_name, open_segment, segments

__all__ = ["Row", "chain_name", "check", "replay", "segments", "verify_chain"]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a chain as ``check`` found it. ``end``: the byte after it in its file; ``seq``: None if unreadable."""

    path: Path
    number: int
    end: int
    seq: int | None
    row_hash: str
    problems: tuple[str, ...]


def _lines(paths: list[Path]) -> Iterator[tuple[Path, int, bytes]]:
    """Lines of one chain with file and number. A last line without newline at its very end was never acknowledged."""
    for path in paths:
        with open_segment(path) as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n") and path == paths[-1]:
                    return
                yield path, number, line


def replay(directory: Path) -> Iterator[dict[str, Any]]:
    """Every record of a spool as its JSON object, chain by chain in order.

    A torn last line of a chain is left out. Raises BadLine (file and line, no content) for any other broken line.
    """
    for paths in segments(directory).values():
        for path, number, line in _lines(paths):
            try:
                yield read_line(line)
            except BadLine as problem:
                raise BadLine(f"{path.name}:{number}: {problem}") from None


def check(name: str, paths: list[Path], seq: int = 0, prev_hash: str = GENESIS) -> Iterator[Row]:
    """Every row of the chain ``name`` with what is wrong with it, one after the other, however long the chain is.

    ``seq`` and ``prev_hash``: of the row before the first, where retention took the beginning (see ``retired.py``).
    """
    file, end = None, 0
    for path, number, line in _lines(paths):
        end = end + len(line) if path == file else len(line)
        file = path
        try:
            body, said_prev, said_hash = unseal(line)
            doc = read_line(body)
        except BadLine as problem:
            yield Row(path, number, end, None, "", (f"the line is broken: {problem}",))
            continue
        problems = []
        if f"{doc.get('proxy_id')}-{doc.get('boot_id')}" != name:
            problems.append("the row belongs to another chain")
        if doc.get("seq") != seq + 1:
            problems.append(f"rows are missing: seq {seq + 1} was expected")
        elif said_prev != prev_hash:
            problems.append("the link to the row before is broken")
        if hashlib.sha256(said_prev.encode() + body).hexdigest() != said_hash:
            problems.append("the row was edited")
        prev_hash = said_hash
        seq = doc["seq"] if isinstance(doc.get("seq"), int) else seq + 1
        yield Row(path, number, end, seq, said_hash, tuple(problems))


def verify_chain(directory: Path) -> list[str]:
    """What is wrong with the chains of a spool: edited, missing or foreign rows, as ``file:line: problem``.

    Empty when every chain is whole from its first record. A chain cannot show that its own end was cut off: for that
    ``verify.py`` compares it with the store.
    """
    return [
        f"{row.path.name}:{row.number}: {problem}"
        for name, paths in segments(directory).items()
        for row in check(name, paths)
        for problem in row.problems
    ]
