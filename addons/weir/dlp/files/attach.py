"""The files of a request, read: their texts join its segments, and what was not seen of them is said."""

from __future__ import annotations

from dataclasses import replace

from weir.dlp.core.patterns import Deadline
from weir.dlp.files.job import FileLimits
from weir.dlp.files.pool import read_file
from weir.model import Exchange, Inspection, Segment

__all__ = ["FILE", "attach"]

FILE = "#file"  # pointers of texts in a file begin so: they are read, never edited
_NAME_CHARS_MIN = 6  # the shortest thing that any detector looks for


def attach(exchange: Exchange, limits: FileLimits, deadline: Deadline | None = None) -> Exchange:
    """``exchange`` with a segment for each text of its attachments, which are gone from it then. Does not raise.

    A text of file ``n`` has the pointer ``#file/<n>/<where>``, the part ``file:<n>`` and the attachment's role. A file
    that is not seen whole makes the exchange partial; one that a limit, the time or damage kept us out of, failed.
    ``limits.bytes_max`` and ``limits.members_max`` hold for all files together.
    """
    if not exchange.attachments:
        return exchange
    segments = list(exchange.segments)
    reasons = [exchange.reason] if exchange.reason else []
    worst = exchange.inspection
    left = limits.bytes_max
    for number, attachment in enumerate(exchange.attachments):
        bounds = replace(limits, bytes_max=max(0, left))
        found = read_file(
            attachment.data, name=attachment.name, media_type=attachment.media_type, limits=bounds, deadline=deadline
        )
        left -= found.bytes_made
        texts = [(text.where, text.text) for text in found.texts]
        if len(attachment.name) >= _NAME_CHARS_MIN:
            texts.append(("name", attachment.name))
        segments += (
            Segment(f"{FILE}/{number}/{where}", attachment.role, text, part=f"file:{number}") for where, text in texts
        )
        if not found.complete:
            worst = _worse(worst, Inspection.FAILED if found.failed else Inspection.PARTIAL)
            reasons += [word for word in found.reason.split("; ") if word not in reasons]
    return replace(
        exchange, segments=tuple(segments), attachments=(), inspection=worst, reason="; ".join(dict.fromkeys(reasons))
    )


_ORDER = (Inspection.INSPECTED, Inspection.PARTIAL, Inspection.UNPARSED, Inspection.FAILED)


def _worse(one: Inspection, other: Inspection) -> Inspection:
    """The one that says that less was seen."""
    return max(one, other, key=lambda word: _ORDER.index(word) if word in _ORDER else len(_ORDER))
