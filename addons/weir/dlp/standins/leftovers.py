"""What an edit leaves behind that is a finding by itself.

Values that stand glued together are found from the left, one after the other: with the first ones gone, the rest of one
that was found only in part can be a whole value again. So what was edited is scanned once more, and struck out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from weir.model import Finding, Segment

__all__ = ["Rescan", "strike_out"]

Rescan = Callable[[Sequence[Segment]], Sequence[Finding]]

_ROUNDS_MAX = 8  # each leaves less text than the one before
_MARK = re.compile(r"<[A-Z][A-Z0-9_]*_[0-9]+>|\[REDACTED:[^\]\s]*\]")


def strike_out(
    segments: Sequence[Segment], edits: Mapping[str, str], detectors: frozenset[str], rescan: Rescan
) -> dict[str, str]:
    """``edits`` (texts by pointer) with whatever these detectors still find in them struck out, for good.

    Raises ValueError when that comes to no end, and what ``rescan`` raises.
    """
    texts = dict(edits)
    for _ in range(_ROUNDS_MAX):
        now = [replace(segment, text=texts.get(segment.pointer, segment.text)) for segment in segments]
        found: dict[str, list[tuple[int, int, str]]] = {}
        for one in rescan(now):
            segment = now[one.segment]
            if one.detector in detectors and segment.pointer in texts and one.start < one.end:
                span = _widened(segment.text, one.start, one.end)
                if span is not None:
                    found.setdefault(segment.pointer, []).append((*span, one.detector.rpartition("/")[2]))
        if not found:
            return texts
        for pointer, spans in found.items():
            texts[pointer] = _struck(texts[pointer], spans)
    raise ValueError("a text could not be freed of findings")


def _widened(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span with all of the placeholders that it cuts into; None when it holds nothing but them."""
    inside = 0
    for mark in _MARK.finditer(text):
        if mark.start() < end and start < mark.end():
            inside += min(end, mark.end()) - max(start, mark.start())
    if inside == end - start:
        return None
    for mark in _MARK.finditer(text):
        if mark.start() < end and start < mark.end():
            start, end = min(start, mark.start()), max(end, mark.end())
    return start, end


def _struck(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    parts, at = [], 0
    for start, end, kind in sorted(spans):
        if start >= at:
            parts += [text[at:start], f"[REDACTED:{kind}]"]
        at = max(at, end)
    return "".join((*parts, text[at:]))
