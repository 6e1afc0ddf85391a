"""What the ingester's process does besides ingesting: one duty each, so that trouble with one stops no other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from weir.sections_audit import Audit

__all__ = ["Desk", "Duty"]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a duty works with: the data directory, and the policy's section ``audit`` as it is now."""

    data: Path
    audit: Audit


class Duty(Protocol):
    """Done every ``every_s`` seconds, after a pass, in the ingester's one thread; and once more at its orderly end."""

    name: str
    every_s: float

    def run(self, desk: Desk, *, last: bool) -> list[str]:
        """Do what is due; lines that the operator should read, once each. ``last``: the process is about to end, and
        the spool was closed. Raises OSError, duckdb.Error or DataDirError: it is told, and tried again when due."""
        ...
