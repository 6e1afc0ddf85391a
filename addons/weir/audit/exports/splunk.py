"""The envelope of Splunk's HTTP Event Collector: an event with where it comes from and when it was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from weir.audit.exports.jsonl import document
from weir.audit.exports.row import PRODUCT, Row, kept, label, micros, text

__all__ = ["batch", "envelope"]


def envelope(row: Row, *, host: str = "", index: str = "", event: Any = None) -> dict[str, Any]:
    """The envelope around a row, or around ``event``, the same row in another format (a text or a JSON object).

    ``time`` is in seconds; what searches filter by first is indexed as ``fields``.
    """
    at = micros(row, "ts")
    return kept(
        {
            "time": round(at / 1e6, 6) if at else None,
            "host": host,
            "source": f"{PRODUCT}:{label(text(row, 'proxy_id'), 128)}",
            "sourcetype": f"{PRODUCT}:audit",
            "index": index,
            "event": document(row) if event is None else event,
            "fields": {name: text(row, name) for name in ("kind", "action", "service", "team")},
        }
    )


def batch(envelopes: Iterable[dict[str, Any]]) -> bytes:
    """The body of one request: envelopes one after the other, as the collector wants them; no list around them."""
    return b"\n".join(orjson.dumps(item) for item in envelopes)
