"""How deep a document may be nested, for the whole process.

What has been read is read again where it is edited, in threads, too: both have to go by one number.
"""

from __future__ import annotations

__all__ = ["LEVELS_MAX", "levels_max", "take"]

LEVELS_MAX = 128  # unless policy says otherwise
_levels_max = LEVELS_MAX


def levels_max() -> int:
    """Levels of a document that are read; a deeper one is Unparsed."""
    return _levels_max


def take(levels: int) -> None:
    """As policy has it from now on. What is under way under another one is Unparsed when it has to be read again."""
    global _levels_max
    _levels_max = levels
