"""What to do about what an examination found, by what it is."""

from __future__ import annotations

from weir.audit.evidence.compare import CUT, TOUCHED, Problem
from weir.audit.evidence.found import Found, Wrong

__all__ = ["problem_of"]

_REMEDIES = {
    Wrong.CUT: CUT,
    Wrong.CLOCK: "the clock of the proxy's machine was set back: look at its time service",
    Wrong.FORGED: "keep the log as it is, hold it against the published checkpoints, and find out who wrote to it",
    Wrong.CHECKPOINT_GONE: "put the log back from where checkpoints are published, and find out who took them out",
    Wrong.REMOVED: "find out who removed it; a backup may have it",
}


def problem_of(found: Found) -> Problem:
    """The finding with its remedy."""
    return Problem(
        found.chain,
        found.text,
        _REMEDIES.get(found.wrong, TOUCHED),
        file=found.file,
        line=found.line,
        seq=found.seq,
        seq_last=found.seq_last,
        wrong=str(found.wrong),
        checkpoint=found.checkpoint,
    )
