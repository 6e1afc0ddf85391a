"""What an examination names: one finding is one thing that is wrong with the audit, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Found", "Wrong"]


class Wrong(StrEnum):
    """What was done to the audit, in one word, stable for programs."""

    EDITED = "edited"  # a row's text does not fit its hash, or its hash not the row after it
    REWRITTEN = "rewritten"  # rows that fit each other, and are not those that were signed
    REMOVED = "removed"  # rows are missing between others
    ADDED = "added"  # a row a second time, or of another chain
    CUT = "cut"  # the end that was signed is gone
    REORDERED = "reordered"  # all rows, in another order
    BROKEN = "broken"  # a line that is no row
    FORGED = "forged"  # a checkpoint that no trusted key signed, or that contradicts another
    CHECKPOINT_GONE = "checkpoint_gone"  # the chain of checkpoints has a hole, or lacks a published one
    CLOCK = "clock"  # the clock went back


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is wrong. Its text speaks of places and numbers only, never of what a row says."""

    wrong: Wrong
    chain: str  # <proxy_id>-<boot_id>; "" when it is not about one boot
    text: str
    file: str = ""
    line: int | None = None
    seq: int | None = None
    seq_last: int | None = None  # the end of a range that begins with ``seq``
    checkpoint: int | None = None  # its number

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file or self.chain
        at = "" if self.seq is None else f"seq {self.seq}"
        if self.seq is not None and self.seq_last not in (None, self.seq):
            at += f" to {self.seq_last}"
        number = "" if self.checkpoint is None else f"checkpoint {self.checkpoint}"
        return ": ".join(part for part in (where, str(self.wrong), at, number, self.text) if part)
