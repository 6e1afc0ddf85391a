"""What weir reads of its own files at each start is read once a process here: it is the same every time.

Only what is shipped with it, and only where a start reads it: who tests the reading itself reads. What is given out is
immutable.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from weir.dlp.core import compiled, recipe
from weir.dlp.rulebook.rules import RuleSet
from weir.providers.services.registry import Registry
from weir.shadow import catalogue, signals
from weir.shadow.entries import Entry
from weir.tls import decide
from weir.usage import encodings, multimodal

__all__ = ["read_all", "remember"]


def remember() -> None:
    """From now on, in this process."""
    rules, entries = recipe.load_rules, catalogue.read_directory
    ours, bundled = cache(rules), cache(entries)

    def load_rules(directories: Sequence[Path] = (), *, prove: bool = False) -> RuleSet:
        return rules(directories, prove=prove) if directories or prove else ours()

    def read_directory(directory: Path) -> list[Entry]:
        return list(bundled(directory)) if directory == catalogue._BUNDLED else entries(directory)

    recipe.load_rules, catalogue.read_directory = load_rules, read_directory
    # All proxies of a run share one folder of compiled patterns, and there are more than three policies.
    compiled._FILES_MAX = 500


def read_all() -> None:
    """Read it now, for all who are forked from here."""
    recipe.load_rules(())
    whole = catalogue.Catalogue.load()
    load = catalogue.Catalogue.load
    catalogue.Catalogue.load = lambda more=(): load(more) if more else whole  # type: ignore[method-assign,assignment,misc]
    decide._prepared(Registry.load().hosts | whole.hosts)
    signals.ready()
    encodings.load_encodings()
    multimodal._table()
