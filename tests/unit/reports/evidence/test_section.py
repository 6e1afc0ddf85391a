"""A section knows its anchor, and what no row means."""

from __future__ import annotations

from weir.reports.evidence.section import Section, Titled
from weir.reports.table import Table


def test_what_no_row_means() -> None:
    titled = Titled("gaps", Table("Gaps", ("at",), ()))
    assert titled.empty == "None in this period."
    assert Section("gaps", "Gaps", ("Said.",)).tables == ()
