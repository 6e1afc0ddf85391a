"""What an examination of the whole audit found, told as it was found: in the folder nothing of it is made prettier."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from weir.audit.evidence.verify import Totals, Verifier
from weir.cli.output import many
from weir.reports.evidence.section import Section, Titled
from weir.reports.table import Table

__all__ = ["Verification", "examine"]

LISTED = 1_000  # problems that are listed; all are counted
_LOOKED_AT = (
    "The whole audit was examined, not this period alone: every row's hash and its link to the row before, the rows "
    "against the signed checkpoints and against their copies in the store, every column of the store against the row's "
    "hash, closed files against their sums, and kept texts against their records."
)
_SHOWN = ("rows", "chains", "checkpoints", "proved", "waiting", "files", "texts", "store_rows")
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Verification:
    """``found``: problems as ``weir audit verify`` has them; ``count``: all of them. ``not_done``: not checked."""

    began: datetime
    totals: Totals = field(default_factory=Totals)
    count: int = 0
    found: list[dict[str, Any]] = field(default_factory=list)
    not_done: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """For ``verification.json``."""
        began = self.began.astimezone(UTC).isoformat(timespec="seconds")
        looked = dataclasses.asdict(self.totals)
        return {"ok": not self.count, "began": began, "looked_at": looked, "not_checked": self.not_done,
                "problem_count": self.count, "problems": self.found}  # fmt: skip

    def section(self) -> Section:
        """For the page."""
        totals = self.totals
        says = [_LOOKED_AT]
        says += [f"NOT CHECKED: {text}." for text in self.not_done]
        if self.count:
            more = f", of which {len(self.found):,} are listed" if self.count > len(self.found) else ""
            says.append(f"FOUND: {many(self.count, 'problem')}{more}.")
        else:
            says.append("Nothing wrong was found in what was checked.")
        facts = Table(
            "What was looked at",
            ("began", *_SHOWN, "problems"),
            (
                (
                    self.began.astimezone(UTC).replace(tzinfo=None),
                    *(getattr(totals, name) for name in _SHOWN),
                    self.count,
                ),
            ),
        )
        rows = tuple(
            (one["chain"], one["text"], one["file"] or None, one["line"], one["seq"], one["seq_last"])
            for one in self.found
        )
        listed = Table("What is wrong", ("chain", "what", "file", "line", "seq", "seq_last"), rows)
        return Section(
            "verification",
            "Verification",
            says,
            (Titled("verification", facts), Titled("verification_found", listed, "Nothing wrong was found.")),
        )


def examine(data_dir: Path, progress: Progress = lambda done, total: None) -> Verification:
    """Examine a data directory, the store's columns too, which are what the folder holds. Raises OSError."""
    made = Verification(datetime.now(UTC))
    verifier = Verifier(data_dir, progress, store_too=True)
    for problem in verifier.problems():
        made.count += 1
        if len(made.found) < LISTED:
            made.found.append(dataclasses.asdict(problem))
    made.totals = verifier.totals
    if not made.totals.checkpoints:
        made.not_done.append("rows against signatures: there is no signed checkpoint")
    elif made.totals.waiting:
        made.not_done.append(f"rows of {made.totals.waiting} runs that no checkpoint speaks of yet")
    return made
