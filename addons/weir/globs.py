"""Globs as policies write them: no case, ``*`` matches the empty name too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

__all__ = ["fits"]


@lru_cache(2048)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.casefold()))


def fits(word: str, patterns: Iterable[str]) -> bool:
    """Whether any of ``patterns`` matches the whole of ``word``."""
    folded = word.casefold()
    return any(_compiled(pattern).match(folded) for pattern in patterns)
