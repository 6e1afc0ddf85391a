"""A section of the folder: what it is about, its tables, and the sentences that must stand above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weir.reports.table import Table

__all__ = ["Section", "Titled"]


@dataclass(frozen=True, slots=True)
class Titled:
    """A table under the name of its file (``tables/<name>.csv``). ``empty``: what no row means."""

    name: str
    table: Table
    empty: str = "None in this period."


@dataclass(frozen=True, slots=True)
class Section:
    """``id`` is what the mapping to controls refers to, and the anchor in the page."""

    id: str
    title: str
    says: Sequence[str]
    tables: Sequence[Titled] = ()
