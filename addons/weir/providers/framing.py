"""By what a reply's framing is told: its content type, and the first byte that says something."""

from __future__ import annotations

import json
from typing import Final

from weir.providers.values import Json

__all__ = ["FIELD_STARTS", "MEDIA", "compact", "framing_of", "is_crowded"]

BOM_START: Final = b"\xef"
_BRACKETS_MAX: Final = 200_000  # of one document or event: each may be a value to be made
FIELD_STARTS: Final = frozenset({b"d", b"e", b":", b"i", b"r", BOM_START})  # data, event, comment, id, retry
MEDIA: Final = ("image/", "audio/", "video/", "application/octet-stream", "application/pdf", "application/zip")

_FRAMINGS: Final = {
    "text/event-stream": "sse",
    **dict.fromkeys(
        ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl"), "lines"
    ),
}


def framing_of(content_type: str) -> str:
    """The framing that a content type states: ``sse``, ``lines``, ``media`` (no text of its own), or ``""``."""
    kind = content_type.partition(";")[0].strip().lower()
    return "media" if kind.startswith(MEDIA) else _FRAMINGS.get(kind, "")


def is_crowded(data: bytes) -> bool:
    """Whether a document has more brackets than anybody has time to make values of."""
    return len(data) > _BRACKETS_MAX and data.count(b"[") + data.count(b"{") > _BRACKETS_MAX


def compact(value: Json) -> bytes:
    """``value`` as JSON in one line of ASCII."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
