"""Every column that a folder shows is explained."""

from __future__ import annotations

from weir.audit.record import TABLES
from weir.reports.evidence.meanings import MEANINGS


def test_every_column_has_a_meaning_and_no_meaning_lacks_its_column() -> None:
    columns = {column.name for columns in TABLES.values() for column in columns}
    assert columns == set(MEANINGS)
    assert all(MEANINGS.values())
