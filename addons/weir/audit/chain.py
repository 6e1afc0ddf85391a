"""Reading a spool back: its records in order, and whether the hash chain of each boot is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weir.audit.lines import GENESIS, BadLine, read_line, unseal

__all__ = ["chain_name", "replay", "segments", "verify_chain"]


def chain_name(path: Path) -> str:
    """``<proxy_id>-<boot_id>`` of a segment: the files that share it hold one chain."""
    return path.stem.rpartition("-")[0]


def segments(directory: Path) -> dict[str, list[Path]]:
    """The segments of a spool by chain, each in the order they were written."""
    found: dict[str, list[Path]] = {}
    for path in sorted(directory.glob("*-[0-9]*.jsonl")):
        found.setdefault(chain_name(path), []).append(path)
    return found


def _lines(paths: list[Path]) -> Iterator[tuple[Path, int, bytes]]:
    """Lines of one chain with file and number. A last line without newline at its very end was never acknowledged."""
    for path in paths:
        with path.open("rb") as file:
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


def verify_chain(directory: Path) -> list[str]:
    """What is wrong with the chains of a spool: edited, missing or foreign rows, as ``file:line: problem``.

    Empty when every chain is whole from its first record. A chain cannot show that its own end was cut off.
    """
    problems: list[str] = []
    for name, paths in segments(directory).items():
        prev_hash, seq = GENESIS, 0
        for path, number, line in _lines(paths):
            where = f"{path.name}:{number}"
            try:
                body, said_prev, said_hash = unseal(line)
                doc = read_line(body)
            except BadLine as problem:
                problems.append(f"{where}: the line is broken: {problem}")
                continue
            if f"{doc.get('proxy_id')}-{doc.get('boot_id')}" != name:
                problems.append(f"{where}: the row belongs to another chain")
            if doc.get("seq") != seq + 1:
                problems.append(f"{where}: rows are missing: seq {seq + 1} was expected")
            elif said_prev != prev_hash:
                problems.append(f"{where}: the link to the row before is broken")
            if hashlib.sha256(said_prev.encode() + body).hexdigest() != said_hash:
                problems.append(f"{where}: the row was edited")
            prev_hash = said_hash
            seq = doc["seq"] if isinstance(doc.get("seq"), int) else seq + 1
    return problems
