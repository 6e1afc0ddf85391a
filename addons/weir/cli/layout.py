"""Columns of text for a terminal: how wide each may be, and where its words are broken. No colours, no terminal.

Names of detectors, rules, models and hosts are long and have no spaces. They are broken after their own joints
(``/``, ``-``, ``_``, ``.``, ``@``), so that a part of a name stays whole, and in mid-word only when nothing else helps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rich.cells import cell_len, chop_cells

__all__ = ["GAP", "fits", "row_lines", "whole_widths", "widths", "wrap"]

GAP = 2  # blanks between columns
# After a joint; a number, a time or a date keeps its signs: no digit may follow those of the second kind;
# an option (``--policy``) keeps its dashes.
_JOINT = re.compile(r"(?<=[ /_@])|(?<=[-.,:])(?<!--)(?<! -)(?=[^\W\d_])")


def wrap(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` cells, without blanks at their ends. Nothing but such blanks is lost."""
    lines = []
    for whole in text.split("\n"):
        line = ""
        for part in _JOINT.split(whole):
            if cell_len((line + part).rstrip()) <= width:
                line += part
                continue
            if line:
                lines.append(line.rstrip())
            *chopped, line = chop_cells(part, width) if cell_len(part.rstrip()) > width else [part]
            lines += chopped
        lines.append(line.rstrip())
    return lines


def widths(columns: Sequence[Sequence[str]], room: int, gap: int = GAP) -> list[int]:
    """How many cells each column gets of ``room``: what it needs, else at least its longest word, else its share."""
    wanted = [max(cell_len(line) for text in column for line in text.split("\n")) or 1 for column in columns]
    least = _least(columns)
    spare = max(room - gap * (len(columns) - 1), len(columns))
    if sum(wanted) <= spare:
        return wanted
    if sum(least) > spare:
        return _level(lambda cap: [min(one, cap) for one in least], spare)
    pairs = list(zip(least, wanted, strict=True))
    found = _level(lambda cap: [max(few, min(many, cap)) for few, many in pairs], spare)
    for index, many in enumerate(wanted):  # what was left over by giving to all alike
        found[index] += min(many - found[index], spare - sum(found))
    return found


def whole_widths(columns: Sequence[Sequence[str]], room: int, last: int = 30) -> list[int]:
    """What every column but the last one needs; the last gets what is left of ``room``, and at least ``last``."""
    *sizes, end = (max(cell_len(line) for text in column for line in text.split("\n")) or 1 for column in columns)
    return [*sizes, min(end, max(room - sum(sizes) - GAP * len(sizes), last))]


def fits(columns: Sequence[Sequence[str]], room: int, gap: int = GAP) -> bool:
    """Whether the columns can stand side by side with no word broken but at a joint."""
    return sum(_least(columns)) + gap * (len(columns) - 1) <= room


def row_lines(cells: Sequence[str], sizes: Sequence[int], right: Sequence[bool], gap: int = GAP) -> list[str]:
    """One row of a table as the lines it takes; ``right`` names the columns that are flush right."""
    wrapped = [wrap(cell, size) for cell, size in zip(cells, sizes, strict=True)]
    lines = []
    for number in range(max(map(len, wrapped))):
        pieces = []
        for column, size, flush in zip(wrapped, sizes, right, strict=True):
            text = column[number] if number < len(column) else ""
            blanks = " " * (size - cell_len(text))
            pieces.append(blanks + text if flush else text + blanks)
        lines.append((" " * gap).join(pieces).rstrip())
    return lines


def _least(columns: Sequence[Sequence[str]]) -> list[int]:
    return [
        max(cell_len(part.rstrip()) for text in column for line in text.split("\n") for part in _JOINT.split(line)) or 1
        for column in columns
    ]


def _level(at: Callable[[int], list[int]], spare: int) -> list[int]:
    """The most generous of ``at(1)``, ``at(2)`` … that stays within ``spare``."""
    cap = 1
    while sum(at(cap + 1)) <= spare:
        cap += 1
    return at(cap)
