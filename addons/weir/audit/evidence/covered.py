"""What others ask of the log: up to where rows are signed, before retention takes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from weir.audit.evidence.examine import Begin
from weir.audit.evidence.keys import PUBLIC, first_key
from weir.audit.evidence.logfile import read_log
from weir.audit.evidence.table import LOG
from weir.audit.spool.retired import retired

__all__ = ["LOG", "begins", "covered", "log_of"]


def log_of(data: Path) -> Path:
    """Where the log of checkpoints of a data directory is."""
    return data / "audit" / LOG


def begins(data: Path) -> Mapping[str, Begin]:
    """By chain, what is kept of first rows that retention took from the spool. Raises OSError."""
    return {chain: Begin(one.frontier, one.head) for chain, one in retired(data).items()}


def covered(data: Path) -> Mapping[str, int]:
    """By chain (``<proxy_id>-<boot_id>``), how many of its first rows checkpoints speak for; chains without one are not
    there. Reads all of the log: ask now and then, not often. Raises OSError, DataDirError.

    Rows up to there may go, if the edge of the tree over them (``Begin``) is kept: the checkpoint holds it in place.
    """
    if not (data / "keys" / PUBLIC).exists():
        return {}
    report = read_log(log_of(data), first_key(data / "keys"))
    return {chain: max(item.size for item in items) for chain, items in report.checkpoints.items()}
