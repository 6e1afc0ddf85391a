"""THE list of what the ingester's process does besides ingesting, in order, one reason a line."""

from __future__ import annotations

from collections.abc import Callable

from weir.audit.content.duty import ContentRetention
from weir.audit.evidence.covered import covered
from weir.audit.evidence.duty import Checkpoints
from weir.audit.evidence.publish.duty import Publishing
from weir.audit.evidence.removals import removing
from weir.audit.evidence.sealing import DayFiles
from weir.audit.exports.cursors import sent
from weir.audit.ingester.cuts import Cuts
from weir.audit.ingester.duty import Duty
from weir.audit.ingester.ingest import Ingester
from weir.audit.spool.retire import Retiring
from weir.audit.spool.sealing import Compressing
from weir.audit.store.retention import RowRetention

__all__ = ["ADDING", "WAITING", "duties"]

ADDING = frozenset({Cuts.name})  # these write records themselves
WAITING = frozenset({Retiring.name, RowRetention.name})  # for who knows what the policy excepts: nothing goes before


def duties(
    ingester: Ingester,
    secret: Callable[[str], str] | None = None,
    days: DayFiles | None = None,
    *,
    retention: bool = True,
) -> list[Duty]:
    """The duties of one process. Each keeps its own state between two runs. ``secret``: what a reference means;
    ``days``: the store's files that are closed for good; ``retention``: whether a policy says how long records stay."""
    over: list[Duty] = [
        Retiring(sent(covered), removing),  # segments whose time is over: nobody need compress them
        RowRetention(ingester.files, ingester.levels),  # rows of the store whose time is over
    ]
    return [
        Cuts(),  # what a process that was killed has left open; first, so that it is signed with the rest
        Checkpoints(days),  # before what follows: what is taken away later must have been signed
        *(over if retention else ()),  # without a policy nobody knows of its exceptions: nothing goes
        ContentRetention(removing),  # texts whose last day is over
        Compressing(),  # those that stay and are closed
        Publishing(secret or _nobody),  # what was signed, to where nobody here can take it back
    ]


def _nobody(reference: str) -> str:
    raise ValueError("nobody here knows what references mean; weir run and weir audit ingest do")
