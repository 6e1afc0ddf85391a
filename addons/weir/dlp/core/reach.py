"""How far around a place where its beginning was seen a pattern has to be run, if that is bounded at all."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

__all__ = ["REACH_CHARS_MAX", "Reach", "reach_of"]

# The parser that relax.py reads patterns with: what it can't read is run over the whole text.
_parser: Any = import_module("re._parser")
_c: Any = import_module("re._constants")

REACH_CHARS_MAX = 2048  # beyond it, running a pattern around its places saves nothing


@dataclass(frozen=True, slots=True)
class Reach:
    """Characters: how long a match can be, and how far behind its end its assertions look."""

    match: int
    ahead: int


@lru_cache(maxsize=4096)  # asked for by those who run a pattern and by those who look for it
def reach_of(source: str, flags: int = 0) -> Reach | None:
    """The reach of the pattern ``source``; None when it has no bound, or one that saves nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # doubtful syntax is the rule loader's to report
            tree = _parser.parse(source, flags)
    except (re.error, OverflowError, RecursionError):
        return None
    match = int(tree.getwidth()[1])
    # One more, for a boundary or an end of line. They may stand one behind the other, so their widths add up.
    ahead = 1 + _ahead(tree)
    return Reach(match, ahead) if match <= REACH_CHARS_MAX and ahead <= REACH_CHARS_MAX else None


def _ahead(nodes: Iterable[tuple[Any, Any]]) -> int:
    """The widths of all assertions in ``nodes``: no path through them looks further ahead."""
    total = 0
    for op, value in nodes:
        if op in (_c.ASSERT, _c.ASSERT_NOT):
            total += int(value[1].getwidth()[1]) + _ahead(value[1])
        elif op is _c.SUBPATTERN:
            total += _ahead(value[3])
        elif op in (_c.MAX_REPEAT, _c.MIN_REPEAT, _c.POSSESSIVE_REPEAT):
            total += _ahead(value[2])
        elif op is _c.BRANCH:
            total += sum(_ahead(branch) for branch in value[1])
        elif op is _c.ATOMIC_GROUP:
            total += _ahead(value)
        elif op is _c.GROUPREF_EXISTS:
            total += _ahead(value[1]) + _ahead(value[2] or ())
    return total
