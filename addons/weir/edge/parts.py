"""The files of a request, read into its trace before the scan."""

from __future__ import annotations

import time

from weir.dlp.core.patterns import Deadline
from weir.dlp.files import FileLimits, attach, holds_files
from weir.edge.trace import Trace
from weir.model import Exchange
from weir.usage.multimodal import media_tokens

__all__ = ["WEIGHED_CHARS_MAX", "WEIGHED_TEXTS_MAX", "is_light", "read_files"]

# Of more characters, or of more texts, not even the part that is new is worked out on the loop.
WEIGHED_CHARS_MAX = 1024 * 1024
WEIGHED_TEXTS_MAX = 2000


def is_light(exchange: Exchange) -> bool:
    """Whether the event loop may look at the texts of ``exchange``: few, and no files among them still to be read."""
    segments = exchange.segments
    few = not exchange.attachments and len(segments) <= WEIGHED_TEXTS_MAX
    if not few or sum(len(segment.text) for segment in segments) > WEIGHED_CHARS_MAX:
        return False
    return not any(holds_files(segment.text) for segment in segments)


def read_files(trace: Trace, end: float) -> None:
    """Put the texts of all attachments among the segments of the exchange; work for a thread, not for the loop.

    ``end`` is when to stop, on the monotonic clock. What was not seen shows in the inspection.
    """
    if trace.exchange is None:
        return
    # Before they become texts: their bytes are gone then, and a reply may not say what the pictures cost.
    trace.media = media_tokens(trace.exchange.attachments, trace.exchange.model)
    bounds = trace.snapshot.settings.dlp.files
    deadline = Deadline(max(0.0, end - time.monotonic()))
    trace.exchange = attach(trace.exchange, FileLimits(bounds.bytes_max, bounds.depth_max), deadline)
    if not trace.failed:
        trace.inspection, trace.reason = trace.exchange.inspection, trace.exchange.reason
