"""By what a reply's framing is told: its content type, and the first byte that says something."""

from __future__ import annotations

from typing import Final

from weir.providers.wire.values import compact

__all__ = ["FIELD_STARTS", "MEDIA", "compact", "framing_of", "is_crowded", "sniffed"]

BOM_START: Final = b"\xef"
_BRACKETS_MAX: Final = 200_000  # of one document or event: each may be a value to be made
FIELD_STARTS: Final = frozenset({b"d", b"e", b":", b"i", b"r", BOM_START})  # data, event, comment, id, retry
MEDIA: Final = ("image/", "audio/", "video/", "application/octet-stream", "application/pdf", "application/zip")

_FRAMINGS: Final = {
    "text/event-stream": "sse",
    **dict.fromkeys(
        (
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonl",
            "application/stream+json",
        ),
        "lines",
    ),
}


def framing_of(content_type: str) -> str:
    """The framing that a content type states: ``sse``, ``lines``, ``media`` (no text of its own), or ``""``."""
    kind = content_type.partition(";")[0].strip().lower()
    return "media" if kind.startswith(MEDIA) else _FRAMINGS.get(kind, "")


def sniffed(first: bytes, stated: str, *, array: bool, events: bool) -> str:
    """The framing by the first byte that says something: a reply's content type is often wrong.

    ``array`` and ``events`` say whether it may be a stream in one array, or one of events. ``raw`` is none of all.
    """
    if first == b"{":
        return "json"
    if first == b"[":
        return "array" if array else "json"
    if stated == "sse" or (events and first in FIELD_STARTS):
        return "sse"
    return "media" if stated == "media" else "raw"


def is_crowded(data: bytes) -> bool:
    """Whether a document has more brackets than anybody has time to make values of."""
    return len(data) > _BRACKETS_MAX and data.count(b"[") + data.count(b"{") > _BRACKETS_MAX
